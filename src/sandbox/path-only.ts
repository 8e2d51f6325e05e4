/**
 * Opens a file without any right on its content. Not among Node's constants; the same number on
 * every architecture that Node runs on.
 */
export const O_PATH = 0o10000000;

/** `codex exec-server doctor`. */
export async function runDoctor(_flags: { readonly json?: boolean }): Promise<void> {}

/** Variables by name. One that is undefined is as good as none, as in `process.env`. */
export type Variables = Readonly<Record<string, string | undefined>>;

/** Those that are there. */
export const present = (variables: Variables): Record<string, string> =>
  Object.fromEntries(
    Object.entries(variables).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );

/** Variables by name. An undefined one counts as absent, as in `process.env`. */
export type Variables = Readonly<Record<string, string | undefined>>;

/** The variables that are defined. */
export const present = (variables: Variables): Record<string, string> =>
  Object.fromEntries(
    Object.entries(variables).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );

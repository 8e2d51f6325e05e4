/** Variables by name. An undefined one counts as absent, as in `process.env`. */
export type Variables = Readonly<Record<string, string | undefined>>;

/** The members that are defined. */
export const present = <T>(members: Readonly<Record<string, T | undefined>>): Record<string, T> =>
  Object.fromEntries(
    Object.entries(members).filter((entry): entry is [string, T] => entry[1] !== undefined),
  );

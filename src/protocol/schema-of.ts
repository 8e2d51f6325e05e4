import type * as z from "zod/mini";

const schemas = new Map<() => z.ZodMiniType, z.ZodMiniType>();

/**
 * The schema that `make` makes, created on first use. Creating all would add 6 ms and 1.5 MB to the
 * start; most servers need few, and those of results serve only as types.
 */
export function schemaOf<M extends () => z.ZodMiniType>(make: M): ReturnType<M> {
  const known = schemas.get(make);
  if (known) return known as ReturnType<M>;
  const schema = make();
  schemas.set(make, schema);
  return schema as ReturnType<M>;
}

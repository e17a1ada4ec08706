import * as z from 'zod'

/** A text that a predicate accepts. The error message is what was expected: a problem line quotes it. */
export const text = (expected: string, accepts: (value: string) => boolean = (value) => value !== '') =>
  z.string({ error: expected }).refine(accepts, { error: expected })

export const listOf = (element: z.ZodType<string>, expected: string) =>
  z.array(element, { error: `a list of ${expected}` })

export const section = <Shape extends z.core.$ZodLooseShape>(shape: Shape) =>
  z.strictObject(shape, { error: (issue) => (issue.code === 'invalid_type' ? 'a mapping' : undefined) })

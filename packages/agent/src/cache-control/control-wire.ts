import { type Descriptor, type Digest, InvalidInputError, isDigest } from '@shoal/content'
import * as z from 'zod'

const digest = z.custom<Digest>((value) => typeof value === 'string' && isDigest(value))
const count = z.number().int().nonnegative()
const descriptorSchema = z.object({
  digest,
  size: z.coerce.number().int().nonnegative(),
  mediaType: z.string(),
})

/** What the two ends of the control socket say to each other. An agent may be of another version than its command. */
export const wire = {
  listing: z.object({
    usedBytes: count,
    images: z.array(
      z.object({
        name: z.string().optional(),
        digest: digest.optional(),
        mediaType: z.string().optional(),
        pinned: z.boolean(),
        lastUsedAt: count.optional(),
        size: count,
        held: count,
        complete: z.boolean(),
        platforms: z.array(z.string()),
      }),
    ),
  }),
  freed: z.object({ blobs: count, bytes: count }),
  pinned: z.object({ name: z.string(), isHere: z.boolean() }),
  contents: z.object({
    name: z.string().optional(),
    root: descriptorSchema,
    held: z.array(descriptorSchema),
  }),
  verified: z.object({ digest, size: count, damage: z.string().optional() }),
  held: z.boolean(),
  shared: z.boolean(),
  nothing: z.null(),
  refusal: z.object({ code: z.string(), message: z.string(), fault: z.string().optional() }),
}

/** @throws InvalidInputError `DESCRIPTOR_INVALID` */
export function parseDescriptor(value: unknown): Descriptor {
  const parsed = descriptorSchema.safeParse(value)
  if (parsed.success) return parsed.data
  throw new InvalidInputError(
    'DESCRIPTOR_INVALID',
    'malformed descriptor: expected digest, size and mediaType',
  )
}

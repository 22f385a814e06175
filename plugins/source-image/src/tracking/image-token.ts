import type { ChangeToken } from '@holdfast/core'
import { z } from 'zod'
import type { BitmapMark } from './bitmap-mark.js'

/** What a token remembers of a disk's images at its capture. */
export interface ImageMark {
  readonly sizeBytes: number
  /** State of the whole chain; absent when its time stamps could not be relied on. */
  readonly state?: string
  /** What is needed to rely on bitmaps of the image itself. */
  readonly recorder?: RecorderMark
}

/** An image that records what is written to it. */
export interface RecorderMark {
  /** Names the files of the image. */
  readonly image: string
  /** State of the chain beneath it, empty when there is none: its bitmaps know nothing of writes to a parent. */
  readonly beneath: string
  readonly bitmaps: readonly BitmapMark[]
}

/** Longest name of a bitmap that is remembered, as JSON. */
export const longestBitmapName = 128

const version = '1:'
const count = z.int().min(0)
const digest = z.string().max(64)
const bitmapMark = z
  .tuple([z.string().max(longestBitmapName), z.int().min(1), count, z.array(count).max(64)])
  .transform(([name, granularityBytes, dirtyBytes, places]) => ({ name, granularityBytes, dirtyBytes, places }))
const imageMark = z.strictObject({
  sizeBytes: count,
  state: digest.exactOptional(),
  recorder: z.strictObject({ image: digest, beneath: digest, bitmaps: z.array(bitmapMark).max(64) }).exactOptional(),
})

/** Writes a mark as a change token of at most 4 KiB. */
export function imageToken({ sizeBytes, state, recorder }: ImageMark): ChangeToken {
  const bitmaps = recorder?.bitmaps.map(({ name, granularityBytes, dirtyBytes, places }) => [
    name,
    granularityBytes,
    dirtyBytes,
    places,
  ])
  const mark = { sizeBytes, state, ...(recorder !== undefined && { recorder: { ...recorder, bitmaps } }) }
  return `${version}${JSON.stringify(mark)}` as ChangeToken
}

/** Reads a token back; `undefined` when it is none of these. */
export function parseImageToken(token: ChangeToken): ImageMark | undefined {
  if (!token.startsWith(version)) return undefined
  try {
    const parsed = imageMark.safeParse(JSON.parse(token.slice(version.length)))
    return parsed.success ? parsed.data : undefined
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

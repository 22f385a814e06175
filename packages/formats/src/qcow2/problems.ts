import { isImageError } from '../image/image-error.js'
import type { ImageProblem } from '../image/layer.js'
import type { Qcow2Header } from './header.js'
import { type CheckedImage, refcountProblems, windowClusters } from './refcount-check.js'

/** Tells what the header says of itself, then compares all refcounts with what refers to each cluster. */
export async function* imageProblems(image: CheckedImage): AsyncGenerator<ImageProblem, void, undefined> {
  yield* headerProblems(image.header)
  try {
    yield* refcountProblems(image, windowClusters)
  } catch (error) {
    // Reads that fail are the storage's affair; a table that cannot be made sense of ends the check as a finding.
    if (!isImageError(error)) throw error
    yield { severity: 'corrupt', message: error.message, ...(error.offset !== undefined && { offset: error.offset }) }
  }
}

function* headerProblems({ features, extensions, backingName }: Qcow2Header): Generator<ImageProblem, void, undefined> {
  if (features.markedCorrupt)
    yield { severity: 'corrupt', message: 'A program found damage in the image and marked it as corrupt.' }
  if (features.dirty)
    yield {
      severity: 'note',
      message: 'The image was not closed: refcounts may be behind, which reading does not mind.',
    }
  if (features.bitmaps && extensions.bitmaps === undefined)
    yield { severity: 'note', message: 'The header says that there are bitmaps, but there are none.' }
  if (!features.bitmaps && extensions.bitmaps !== undefined)
    yield {
      severity: 'note',
      message: 'A program that knows of no bitmaps has written to the disk: its bitmaps are left out of account.',
    }
  if (features.rawDataFile && backingName !== undefined)
    yield {
      severity: 'note',
      message: 'The data file is said to be a whole disk, but there is a backing file as well.',
    }
}

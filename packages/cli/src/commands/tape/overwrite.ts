import { BackupError, type LibraryMedium } from '@holdfast/core'
import type { Invocation, Outcome } from '../../invocation.js'
import { type OpenLibrary, withLibrary } from '../../library-access.js'
import { usageError } from '../../output.js'
import { belongsWord, keptWord } from '../../render/library.js'
import { printable } from '../../render/printable.js'
import { counted } from '../../render/units.js'
import { eachMedium, namedMedia, type TapeOptions, tellHandled } from './each-medium.js'

/** How to write over media. */
export interface EraseOptions extends TapeOptions {
  /** Also what is held or foreign. */
  readonly force?: boolean
}

/** Which media to label, beside those that are named. */
export interface LabelOptions extends EraseOptions {
  readonly allBlank?: boolean
}

/** Writes labels to media. */
export async function label(
  invocation: Invocation,
  given: readonly string[],
  { target, force = false, allBlank = false }: LabelOptions,
): Promise<Outcome> {
  if (allBlank && (force || given.length > 0)) {
    throw usageError(
      `--all-blank goes with ${force ? 'no --force' : 'no names'}.`,
      'Name what is to be written over; --all-blank is for media that hold nothing.',
    )
  }
  if (!allBlank && given.length === 0) {
    throw usageError('Say which media to label.', 'Name them by their barcodes, or give --all-blank.')
  }
  const names = namedMedia(given)
  return withLibrary(invocation, target, async (opened) => {
    const known = await opened.library.media(invocation)
    const chosen = allBlank ? blankMedia(known, invocation) : names
    return overwrite(invocation, opened, { names: chosen, known, force, verb: 'label' })
  })
}

/** Takes away all that a medium holds. */
export async function erase(
  invocation: Invocation,
  given: string,
  { target, force = false }: EraseOptions,
): Promise<Outcome> {
  const names = namedMedia([given])
  return withLibrary(invocation, target, async (opened) => {
    const known = await opened.library.media(invocation)
    return overwrite(invocation, opened, { names, known, force, verb: 'erase' })
  })
}

interface Overwriting {
  readonly names: readonly string[]
  readonly known: readonly LibraryMedium[]
  readonly force: boolean
  readonly verb: 'label' | 'erase'
}

async function overwrite(
  invocation: Invocation,
  { target, library }: OpenLibrary,
  { names, known, force, verb }: Overwriting,
): Promise<Outcome> {
  const { output, signal } = invocation
  const done = verb === 'label' ? 'labelled' : 'erased'
  const { exitCode, media } = await eachMedium(invocation, names, async (name) => {
    const medium = known.find((each) => each.name === name)
    if (medium !== undefined) checkOverwritable(medium, target, force)
    await library[verb](name, { signal, evenIfHeld: force })
    if (medium?.state === 'held') {
      const belongs = belongsWord(medium)
      output.warning(`${name} was ${belongs === '' ? 'kept' : belongs}: what it held is gone${lossOf(medium)}.`)
    }
    return tellHandled(invocation, done, { medium: name }, done)
  })
  return { exitCode, result: { target, media } }
}

/** The facet refuses as well, once it has read the cartridge; what is known already need not be fetched to be refused. */
function checkOverwritable(medium: LibraryMedium, target: string, force: boolean): void {
  const { name, state, keepUntil } = medium
  const context = { target, medium: name }
  if (state === 'cleaning') {
    throw new BackupError('E_UNSUPPORTED', `${name} is a cleaning cartridge.`, {
      context,
      hint: 'Nothing can be written to it.',
    })
  }
  if (force) return
  if (state === 'held') {
    const kept = keepUntil === undefined ? keptWord(keepUntil) : `until ${keptWord(keepUntil)}`
    const belongs = belongsWord(medium)
    throw new BackupError('E_TARGET_IMMUTABLE', `${name} is kept ${kept}${belongs === '' ? '' : `: ${belongs}`}.`, {
      context,
      hint: 'It was left alone. If nobody wants what it holds, name it once more with --force.',
    })
  }
  if (state === 'foreign') {
    throw new BackupError('E_MEDIA_FOREIGN', `${name} holds something that is not of Holdfast.`, {
      context,
      hint: 'It was left alone. If nobody wants what it holds, name it once more with --force.',
    })
  }
}

function lossOf({ set }: LibraryMedium): string {
  return set === undefined ? '' : ', and the set lacks it from now on'
}

function blankMedia(known: readonly LibraryMedium[], { output }: Invocation): readonly string[] {
  const here = known.filter(({ place }) => place !== undefined)
  const blank = here.filter(({ state }) => state === 'blank').map(({ name }) => name)
  const unknown = here.filter(({ state }) => state === 'unknown').length
  const list = blank.length === 0 ? '' : `: ${blank.join(', ')}`
  const message = `${counted(blank.length, 'blank cartridge')} in the library${list}`
  output.event({ type: 'step', message })
  output.line(printable(message))
  if (unknown > 0) {
    output.warning(
      `nobody has looked at ${counted(unknown, 'cartridge')} yet: 'holdfast tape catalog --rebuild' reads them.`,
    )
  }
  return blank
}

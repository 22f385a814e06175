import { randomBytes } from 'node:crypto'
import { isAbsolute, join } from 'node:path'
import {
  defineTarget,
  type PluginContext,
  type PluginModule,
  parseDurationMs,
  parseOptions,
  type TargetPlugin,
  type TargetSession,
} from '@holdfast/core'
import { lookupCache } from './catalog/lookup-cache.js'
import { openTapeCatalog } from './catalog/tape-catalog.js'
import { tapeError } from './drive/drive-errors.js'
import { folderClaims } from './library/claims.js'
import { type TapeLibrary, tapeLibrary } from './library/tape-library.js'
import { type CompleteTapeOptions, type TapeTargetOptions, tapeOptions } from './options.js'
import { libraryFacet } from './session/library-facet.js'
import { maxObjectBytes } from './session/set-session.js'
import { setsFacet } from './session/sets-facet.js'
import type { TapeSite } from './session/tape-site.js'
import type { LibraryDevices } from './transport/library-devices.js'
import { openLibrary } from './transport/open-library.js'

const capabilities = {
  sequential: true,
  removes: false,
  sync: true,
  ordering: true,
  media: true,
  sets: true,
  library: true,
  maxConcurrency: 1,
  maxObjectBytes,
} as const

/** What the tape target can do. */
export type TapeTargetCapabilities = ReturnType<typeof tapeTarget>['capabilities']

/** Reaches a library; replaced by tests. */
export type OpenLibrary = (options: CompleteTapeOptions['library'], context: PluginContext) => Promise<LibraryDevices>

/** Longest that anybody waits for a drive that another process uses. */
const drivePatienceMs = 10 * 60_000
/** Damage ends with a tape file, and a reader can skip to the next. */
const fileBytes = 4 * 2 ** 30

/**
 * Makes a target that keeps objects on the cartridges of a tape library. Format: docs/spec/tape.md.
 *
 * The library is not touched before something is read or written that is not in the local catalog.
 * @throws BackupError `E_CONFIG` for wrong options
 */
export function tapeTarget(options: TapeTargetOptions, open: OpenLibrary = openLibrary) {
  const parsed = parseOptions('target', 'tape', tapeOptions, options)
  return defineTarget({
    id: 'tape',
    capabilities,
    open: async (context: PluginContext): Promise<TargetSession> => {
      context.signal.throwIfAborted()
      const state = isAbsolute(parsed.state) ? parsed.state : join(context.baseDir, parsed.state)
      const catalog = openedCatalog(state)
      const claims = folderClaims(join(state, 'locks'))
      let devices: Promise<LibraryDevices> | undefined
      let library: Promise<TapeLibrary> | undefined
      let reached: TapeLibrary | undefined
      const connect = async (): Promise<TapeLibrary> => {
        devices = open(parsed.library, context)
        const { changer, drives } = await devices
        reached = tapeLibrary(changer, drives, { claims, patienceMs: drivePatienceMs })
        return reached
      }
      const site: TapeSite = {
        library: () => {
          library ??= connect().catch((error: unknown) => {
            library = undefined
            throw error
          })
          return library
        },
        catalog,
        cache: lookupCache(join(state, 'objects')),
        claims,
        clock: context.clock,
        logger: context.logger,
        signal: context.signal,
        handled: () => ({
          mounts: reached?.mounts() ?? 0,
          seeks: reached?.drives.reduce((sum, drive) => sum + drive.moves().seeks, 0) ?? 0,
        }),
        randomId: () => randomBytes(16).toString('hex'),
        settings: {
          pool: parsed.pool,
          allocation: parsed.allocation,
          keepMs: parsed.keep === undefined ? undefined : parseDurationMs(parsed.keep),
          mayTake: matcher(parsed.barcodes),
          waitMs: parseDurationMs(parsed.waitForMedia ?? '0s'),
          askCommand: parsed.onMediaNeeded,
          fileBytes,
        },
      }
      const opened: TargetSession[] = []
      const sets = setsFacet(site, (session) => opened.push(session))
      const own = await sets.write(context)
      let isClosed = false
      return {
        ...own,
        sets,
        library: libraryFacet(site),
        [Symbol.asyncDispose]: async () => {
          if (isClosed) return
          isClosed = true
          try {
            for (const session of opened) await session[Symbol.asyncDispose]()
            await (await devices?.catch(() => undefined))?.[Symbol.asyncDispose]()
          } finally {
            catalog[Symbol.dispose]()
          }
        },
      }
    },
  })
}

/** Lets a config find this plugin: `use: '@holdfast/target-tape'`. */
export const plugin: PluginModule<TapeTargetOptions> = {
  kind: 'target',
  id: 'tape',
  options: tapeOptions,
  create: (options): TargetPlugin => tapeTarget(options),
}

function openedCatalog(state: string) {
  try {
    return openTapeCatalog(join(state, 'catalog.db'))
  } catch (error) {
    throw tapeError('E_TARGET_UNAVAILABLE', `The catalog in ${state} cannot be opened: ${String(error)}`, {
      operation: 'target.open',
      context: { path: state },
      hint: "If it is damaged, move it away and run 'holdfast tape catalog --rebuild'.",
      cause: error,
    })
  }
}

/** Barcodes that fit a pattern in which `*` stands for anything. */
function matcher(pattern: string): (barcode: string) => boolean {
  const parts = pattern.split('*').map((part) => part.replace(/[\\^$.+?()[\]{}|]/g, '\\$&'))
  const expression = new RegExp(`^${parts.join('.*')}$`)
  return (barcode) => expression.test(barcode)
}

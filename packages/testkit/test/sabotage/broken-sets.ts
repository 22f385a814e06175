import type { MediaFacet, MediaSetsFacet, TargetSession } from '@holdfast/core'
import { brokenTarget } from './broken-target.js'

const withSets = { sets: true, media: true, sync: true }

/** Targets that do not keep their sets and media apart. */
export const brokenSets = [
  brokenTarget(
    'takes a set into use when it is opened for writing',
    'target/sets/listed',
    /Sets before anything is put/,
    changedSets((sets) => {
      let isTaken = false
      return {
        write: (options) => {
          isTaken = true
          return sets.write(options)
        },
        list: async (options) => {
          const listed = await sets.list(options)
          const early = { id: 'early', createdAt: new Date(0), keepUntil: undefined, media: [] }
          return isTaken && listed.length === 0 ? [early] : listed
        },
      }
    }),
    withSets,
  ),
  brokenTarget(
    'does not list what it wrote',
    'target/sets/listed',
    /is in 0 of those listed/,
    changedSets(() => ({ list: async () => [] })),
    withSets,
  ),
  brokenTarget(
    'shows what one set holds in all of them',
    'target/sets/listed',
    /is in 2 of those listed/,
    changedSets((sets) => ({
      list: async (options) => (await sets.list(options)).flatMap((set) => [set, { ...set, id: `${set.id}-twin` }]),
      open: (id, options) => sets.open(id.replace('-twin', ''), options),
    })),
    withSets,
  ),
  brokenTarget(
    'keeps a set for less than a session asked',
    'target/sets/listed',
    /is kept until/,
    changedSets((sets) => {
      let asked: Date | undefined
      return {
        write: (options) => {
          asked = options.keepUntil
          return sets.write(options)
        },
        list: async (options) => (await sets.list(options)).map((set) => ({ ...set, keepUntil: asked })),
      }
    }),
    withSets,
  ),
  brokenTarget(
    'writes to a set that was opened for reading',
    'target/sets/read-only',
    /it succeeded/,
    changedSets((sets) => ({ open: (_, { signal }) => sets.write({ signal }) })),
    withSets,
  ),
  brokenTarget(
    'opens another set when there is none of that id',
    'target/sets/read-only',
    /Opening a set that is not/,
    changedSets((sets) => ({ open: (id, options) => sets.open(id.replace('no-', ''), options) })),
    withSets,
  ),
  brokenTarget(
    'names media for all that it holds',
    'target/media/needed',
    /not asked for/,
    (session) => ({
      media: {
        needed: async (keys, options) => {
          const all: Parameters<MediaFacet['needed']>[0][number][] = []
          for await (const { key } of session.list('', options)) all.push(key)
          return (
            (await session.media?.needed(keys.length === 0 ? keys : [...new Set([...keys, ...all])], options)) ?? []
          )
        },
      },
    }),
    // What is put first is asked for by nobody, and bulk here.
    { ...withSets, mediumBytes: 50_000 },
  ),
  brokenTarget(
    'sends for a medium once for each object',
    'target/media/needed',
    /Media named, each once/,
    (session) => ({
      media: {
        needed: async (keys, options) =>
          ((await session.media?.needed(keys, options)) ?? []).flatMap((medium) =>
            medium.keys.map((key) => ({ ...medium, keys: [key] })),
          ),
      },
    }),
    withSets,
  ),
  brokenTarget(
    'forgets that a medium is away',
    'target/media/needed',
    /MEM001 is needed/,
    (session, target) => ({
      media: {
        needed: async (keys, options) => {
          const needed = (await session.media?.needed(keys, options)) ?? []
          for (const { name } of needed) target.media.takeAway(name, 'vault')
          return needed
        },
      },
    }),
    withSets,
  ),
  brokenTarget(
    'orders keys as they come',
    'target/ordering/readable',
    /given in another order/,
    () => ({ ordering: { order: async (keys) => keys } }),
    { sequential: true },
  ),
]

function changedSets(change: (sets: MediaSetsFacet) => Partial<MediaSetsFacet>) {
  return (session: TargetSession): Partial<TargetSession> =>
    session.sets === undefined ? {} : { sets: { ...session.sets, ...change(session.sets) } }
}

// A library of tapes as folders: each media set is a target-disk of its own, with a file beside it that says what is on which
// medium. `away.json` names media that somebody took, and where they are.
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { BackupError, defineTarget } from '@holdfast/core'
import { diskTarget } from '@holdfast/target-disk'

const options = { '~standard': { version: 1, vendor: 'test', validate: (value) => ({ value }) } }

function setsTarget(given) {
  const { path, mediumBytes = 1_000_000, allocation = 'continue' } = given
  return defineTarget({
    id: 'sets',
    capabilities: { media: true, sets: true, sequential: true, removes: false, ordering: true, maxConcurrency: 1 },
    open: async (context) => {
      const shelf = shelfAt(resolve(context.baseDir, path), mediumBytes)
      const writing = (keepUntil) => lazySession(shelf, allocation, keepUntil, context)
      const open = async (id) => {
        if (!shelf.ids().includes(id)) throw new BackupError('E_OBJECT_NOT_FOUND', `There is no media set ${id}.`)
        const refuse = async () => {
          throw new BackupError('E_TARGET_READ_ONLY', 'The media set was opened for reading.')
        }
        return { ...(await setSession(shelf, id, context)), put: refuse, remove: refuse }
      }
      const sets = {
        list: async () => shelf.ids().map((id) => shelf.describe(id)),
        open,
        write: async ({ keepUntil }) => writing(keepUntil),
      }
      return { ...writing(undefined), sets }
    },
  })
}

function shelfAt(folder, mediumBytes) {
  const read = (name, otherwise) =>
    existsSync(join(folder, name)) ? JSON.parse(readFileSync(join(folder, name), 'utf8')) : otherwise
  const facts = (id) => read(`${id}.json`, undefined)
  const ids = () =>
    (existsSync(folder) ? readdirSync(folder) : [])
      .filter((name) => /^set-\d+\.json$/.test(name))
      .map((name) => name.replace('.json', ''))
      .sort()
  const write = (id, value) => writeFileSync(join(folder, `${id}.json`), JSON.stringify(value))
  const medium = ({ name }) => {
    const location = read('away.json', {})[name]
    return { name, isOnline: location === undefined, location }
  }
  return {
    folder,
    ids,
    mediumOf: (id, key) => {
      const found = facts(id).media.find(({ keys }) => keys.includes(key))
      return found && medium(found)
    },
    needed: (id, wanted) =>
      facts(id).media.flatMap((one) => {
        const keys = one.keys.filter((key) => wanted.includes(key))
        return keys.length === 0 ? [] : [{ ...medium(one), keys }]
      }),
    describe: (id) => {
      const { createdAt, keepUntil, media } = facts(id)
      const until = keepUntil === undefined ? undefined : new Date(keepUntil)
      return { id, createdAt: new Date(createdAt), keepUntil: until, media: media.map(medium) }
    },
    create: (keepUntil, now) => {
      const id = `set-${ids().length + 1}`
      mkdirSync(join(folder, id), { recursive: true })
      write(id, { createdAt: now, keepUntil, media: [] })
      return id
    },
    place: (id, key, sizeBytes) => {
      const known = facts(id)
      const last = known.media.at(-1)
      if (last !== undefined && last.usedBytes + sizeBytes <= mediumBytes) {
        last.keys.push(key)
        last.usedBytes += sizeBytes
      } else {
        const count = ids().reduce((sum, other) => sum + facts(other).media.length, 0)
        known.media.push({ name: `TAPE${String(count + 1).padStart(4, '0')}`, keys: [key], usedBytes: sizeBytes })
      }
      write(id, known)
    },
  }
}

/** A session of the set that is written to, which is chosen when something is put. */
function lazySession(shelf, allocation, keepUntil, context) {
  let chosen
  const opened = []
  const use = async (id) => {
    if (chosen !== id) opened.push(await setSession(shelf, id, context))
    chosen = id
    return opened.at(-1)
  }
  const present = async () => {
    const id = chosen ?? (allocation === 'new' ? undefined : shelf.ids().at(-1))
    return id === undefined ? undefined : use(id)
  }
  const missing = (key) => new BackupError('E_OBJECT_NOT_FOUND', `There is no object ${key}.`)
  return {
    put: async (...call) =>
      ((await present()) ?? (await use(shelf.create(keepUntil, context.clock.now())))).put(...call),
    get: async function* (key, call) {
      const session = await present()
      if (session === undefined) throw missing(key)
      yield* session.get(key, call)
    },
    stat: async (...call) => (await present())?.stat(...call),
    list: async function* (...call) {
      yield* (await present())?.list(...call) ?? []
    },
    remove: keepsAll,
    media: { needed: async (...call) => (await present())?.media.needed(...call) ?? [] },
    ordering: { order: async (keys) => keys },
    [Symbol.asyncDispose]: async () => {
      for (const session of opened.splice(0)) await session[Symbol.asyncDispose]()
    },
  }
}

async function keepsAll() {
  throw new BackupError('E_UNSUPPORTED', 'This target keeps what was put there.')
}

async function setSession(shelf, id, context) {
  const { capacity: _none, ...session } = await diskTarget({ path: join(shelf.folder, id) }).open(context)
  return {
    ...session,
    put: async (key, body, call) => {
      await session.put(key, body, call)
      if (call.isBulk) shelf.place(id, key, (await session.stat(key, call)).sizeBytes)
    },
    get: async function* (key, call) {
      const medium = shelf.mediumOf(id, key)
      if (medium !== undefined && !medium.isOnline)
        throw new BackupError('E_MEDIA_NEEDED', `${medium.name} is needed, and it is at '${medium.location}'.`)
      yield* session.get(key, call)
    },
    remove: keepsAll,
    media: { needed: async (keys) => shelf.needed(id, keys) },
    ordering: { order: async (keys) => keys },
  }
}

export const plugin = { kind: 'target', id: 'sets', options, create: setsTarget }

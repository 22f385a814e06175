import {
  type CallOptions,
  type GetOptions,
  type Logger,
  type ObjectInfo,
  type ObjectKey,
  objectKey,
  type TargetSession,
} from '@holdfast/core'
import type { AcmeClient, AcmeObject } from './acme-client.js'
import { calling, failure, isAcmeFault, translated } from './errors.js'
import { putObject } from './put-object.js'

/** Makes the session over an open connection, which it owns. Object names are `prefix` and the key. */
export function acmeSession(client: AcmeClient, prefix: string, logger: Logger): TargetSession {
  return {
    put: async (key, body, options) => putObject(client, nameOf(prefix, key), body, options, logger),
    get: async function* (key, options) {
      yield* getObject(client, nameOf(prefix, key), options)
    },
    stat: async (key, { signal }) => {
      const name = nameOf(prefix, key)
      const object = await calling({ operation: 'stat', subject: name, signal }, () => client.head(name, signal))
      return object && infoOf(object, prefix)
    },
    list: (start, options) => listObjects(client, prefix, start, options),
    remove: async (key, options) => removeObject(client, nameOf(prefix, key), options),
    [Symbol.asyncDispose]: () => client.close(),
  }
}

async function* getObject(client: AcmeClient, name: string, { signal, range }: GetOptions) {
  const where = { operation: 'get', subject: name, signal }
  const object = await calling(where, () => client.head(name, signal))
  if (object === undefined) throw failure('E_OBJECT_NOT_FOUND', 'the vault has no such object', where)
  const { offset, length } = range ?? { offset: 0, length: object.sizeBytes }
  const damaged = () => failure('E_DAMAGED', `bytes ${offset} to ${offset + length} are not all there`, where)
  if (offset + length > object.sizeBytes) throw damaged()
  let received = 0
  try {
    for await (const piece of client.download(name, offset, length, signal)) {
      received += piece.length
      yield piece
      signal.throwIfAborted()
    }
  } catch (error) {
    throw translated(error, where)
  }
  if (received !== length) throw damaged()
}

async function* listObjects(client: AcmeClient, prefix: string, start: string, { signal }: CallOptions) {
  const where = { operation: 'list', subject: `${prefix}${start}`, signal }
  for (let after = ''; ; ) {
    const page = await calling(where, () => client.page(where.subject, after, signal))
    for (const object of page) yield infoOf(object, prefix)
    const last = page.at(-1)
    if (last === undefined) return
    after = last.name
  }
}

async function removeObject(client: AcmeClient, name: string, { signal }: CallOptions): Promise<void> {
  try {
    await client.delete(name, signal)
  } catch (error) {
    // Removing what is not there is done already.
    if (isAcmeFault(error) && error.status === 404) return
    throw translated(error, { operation: 'remove', subject: name, signal })
  }
}

function infoOf({ name, sizeBytes, createdAt }: AcmeObject, prefix: string): ObjectInfo {
  return { key: objectKey(name.slice(prefix.length)), sizeBytes, modifiedAt: createdAt }
}

/** The key is checked again: a name made from a bad one could reach outside the prefix. */
function nameOf(prefix: string, key: ObjectKey): string {
  return `${prefix}${objectKey(key)}`
}

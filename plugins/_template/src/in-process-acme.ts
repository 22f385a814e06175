import type { AcmeClient, AcmeConnect, AcmeFault, AcmeObject, AcmeStatus } from './acme-client.js'

interface StoredObject extends AcmeObject {
  readonly bytes: Uint8Array
}

const pageSize = 20
const pieceBytes = 256 * 1024

/** A vault inside this process, in the place of Acme's client library: delete it and import yours. */
export function inProcessAcme(): AcmeConnect {
  const objects = new Map<string, StoredObject>()
  return async (_endpoint, token, signal) => {
    signal.throwIfAborted()
    if (token === '') throw fault(401, 'the token is not accepted')
    return client(objects)
  }
}

function client(objects: Map<string, StoredObject>): AcmeClient {
  return {
    upload: async (name, signal) => {
      signal.throwIfAborted()
      if (objects.has(name)) throw fault(409, 'the name is taken')
      return upload(objects, name)
    },
    download: async function* (name, offset, length, signal) {
      const object = objects.get(name)
      if (object === undefined) throw fault(404, 'no such object')
      const end = Math.min(offset + length, object.sizeBytes)
      for (let at = offset; at < end; at += pieceBytes) {
        signal.throwIfAborted()
        yield object.bytes.subarray(at, Math.min(at + pieceBytes, end))
      }
    },
    head: async (name, signal) => {
      signal.throwIfAborted()
      return objects.get(name)
    },
    page: async (prefix, after, signal) => {
      signal.throwIfAborted()
      const names = [...objects.keys()].filter((name) => name.startsWith(prefix) && name > after).sort()
      return names.slice(0, pageSize).flatMap((name) => objects.get(name) ?? [])
    },
    delete: async (name, signal) => {
      signal.throwIfAborted()
      if (!objects.delete(name)) throw fault(404, 'no such object')
    },
    close: async () => undefined,
  }
}

function upload(objects: Map<string, StoredObject>, name: string) {
  const pieces: Uint8Array[] = []
  return {
    write: async (bytes: Uint8Array) => {
      pieces.push(Uint8Array.from(bytes))
    },
    complete: async () => {
      if (objects.has(name)) throw fault(409, 'the name is taken')
      const bytes = Buffer.concat(pieces)
      objects.set(name, { name, bytes, sizeBytes: bytes.length, createdAt: new Date() })
    },
    cancel: async () => {
      pieces.length = 0
    },
  }
}

function fault(status: AcmeStatus, message: string): AcmeFault {
  return Object.assign(new Error(message), { status })
}

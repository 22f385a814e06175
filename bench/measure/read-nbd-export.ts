import { addressFromUri, connectNbd } from '@holdfast/protocol-nbd'

// A program of its own, as nbdcopy is: it reads all of an NBD export into memory that is used again, as a capture does. It
// asks first which areas hold data, as nbdcopy does too, and has two connections with as much in flight as a capture.

const connections = 2
const readsAtOnce = 16
const readBytes = 2 ** 19

const [uri = ''] = process.argv.slice(2)
const { address, exportName } = addressFromUri(uri)
await using client = await connectNbd(address, { exportName, connections, metaContexts: ['base:allocation'] })
const reads = readsOf(client.sizeBytes)
const readers = Array.from({ length: readsAtOnce }, async () => {
  const memory = new Uint8Array(new SharedArrayBuffer(readBytes))
  for await (const { offset, lengthBytes } of reads) await client.read(offset, memory.subarray(0, lengthBytes))
})
await Promise.all(readers)

/** Cuts all areas with data into reads. */
async function* readsOf(sizeBytes: number) {
  for await (const { offset, length, flags } of client.blockStatus('base:allocation', 0, sizeBytes)) {
    if ((flags & 1) !== 0) continue
    for (let at = offset; at < offset + length; at += readBytes)
      yield { offset: at, lengthBytes: Math.min(readBytes, offset + length - at) }
  }
}

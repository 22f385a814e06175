import { addressFromUri, connectNbd } from '@holdfast/protocol-nbd'

// A program of its own, as nbdcopy is: it reads all of an NBD export into memory that is used again, over as many
// connections and with as many reads at once as a capture has.

const connections = 2
const readsAtOnce = 8
const readBytes = 2 ** 20

const [uri = ''] = process.argv.slice(2)
const { address, exportName } = addressFromUri(uri)
await using client = await connectNbd(address, { exportName, connections })
let next = 0
const readers = Array.from({ length: readsAtOnce }, async () => {
  const memory = new Uint8Array(new SharedArrayBuffer(readBytes))
  for (let offset = next; offset < client.sizeBytes; offset = next) {
    next += readBytes
    await client.read(offset, memory.subarray(0, Math.min(readBytes, client.sizeBytes - offset)))
  }
})
await Promise.all(readers)

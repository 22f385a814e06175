import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { connectIscsi } from '@holdfast/protocol-iscsi'
import { scsiDrive, type TapeDrive } from '@holdfast/target-tape'

// A program of its own, as probe.py is, with the same arguments: it moves blocks to and from a tape as the tape target does, one call
// at a time, and prints their bytes and the seconds that they took, without logging in and rewinding.

const blockBytes = 2 ** 18

const [action = '', host = '', port = '', target = '', lun = '', blocks = '', file = ''] = process.argv.slice(2)
const { signal } = new AbortController()
const count = Number(blocks)
await using session = await connectIscsi({ host, port: Number(port), target })
const drive = scsiDrive('the drive', session.device(Number(lun)))
await drive.load({ signal })
console.log(JSON.stringify({ bytes: count * blockBytes, ...(await act()) }))

async function act() {
  switch (action) {
    case 'write':
      return await write(drive)
    case 'read':
      return await read(drive, () => {})
    case 'check': {
      const hash = createHash('sha256')
      const measured = await read(drive, (block) => hash.update(block))
      const { kind } = await drive.read(new Uint8Array(blockBytes), { signal })
      if (kind !== 'filemark') throw new Error('there is no filemark behind the blocks')
      return { ...measured, sha256: hash.digest('hex') }
    }
    default:
      throw new TypeError(`There is no action ${action}`)
  }
}

async function write({ write, endFile }: TapeDrive) {
  const data = readFileSync(file)
  const startedAt = performance.now()
  for (let number = 0; number < count; number++) {
    const offset = (number * blockBytes) % data.length
    await write(data.subarray(offset, offset + blockBytes), { signal })
  }
  await endFile({ signal })
  return { seconds: (performance.now() - startedAt) / 1000 }
}

async function read({ read }: TapeDrive, onBlock: (block: Uint8Array) => void) {
  const block = new Uint8Array(blockBytes)
  const startedAt = performance.now()
  for (let number = 0; number < count; number++) {
    const met = await read(block, { signal })
    if (met.kind !== 'block' || met.bytes !== blockBytes) throw new Error('a block is not as it was written')
    onBlock(block)
  }
  return { seconds: (performance.now() - startedAt) / 1000 }
}

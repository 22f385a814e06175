import { expect, it } from 'vitest'
import { openImage } from '../src/image/open-image.js'
import { vhdxCodec } from '../src/vhdx/index.js'
import { memoryFile } from './support/memory-file.js'
import { guidOf, vhdxImage } from './support/vhdx-image.js'
import { describeRules, entry, locator, u64 } from './support/vhdx-rules.js'

const mebibyte = 2 ** 20
const child = { flags: 2, locator, blocks: [{ block: 0, state: 7, data: new Uint8Array(mebibyte), sectors: [1] }] }

describeRules([
  {
    rule: 'states 4 and 5 are reserved',
    breaks: entry(4n),
    code: 'corrupt',
    says: /block 0 is in the reserved state 4/,
  },
  {
    rule: 'blocks lie behind the headers',
    breaks: entry(6n),
    code: 'corrupt',
    says: /block 0 is said to lie among the headers/,
  },
  {
    rule: 'blocks lie within the file',
    breaks: entry(((2n ** 43n) << 20n) | 6n),
    code: 'corrupt',
    says: /block 0 at .* is not within/,
  },
  {
    rule: 'blocks lie within the file, even by a few bytes',
    breaks: (bytes) => bytes.subarray(0, bytes.byteLength - 1),
    code: 'corrupt',
    says: /block 0 at .* is not within/,
  },
  {
    rule: 'blocks lie apart from the tables',
    breaks: (_b, { metadataAt, batAt }, view) => void u64(BigInt(metadataAt) | 6n)(view, batAt),
    code: 'corrupt',
    says: /where log, tables or metadata are/,
  },
  {
    rule: 'reserved bits of an entry are clear',
    breaks: entry((3n << 20n) | 6n | 0x80n),
    code: 'corrupt',
    says: /sets reserved bits/,
  },
  {
    rule: 'only a child has partial blocks',
    breaks: entry((3n << 20n) | 7n),
    code: 'corrupt',
    says: /block 0 is in state 7, which it cannot be in/,
  },
  {
    rule: 'a partial block has a sector bitmap',
    spec: child,
    breaks: (_b, { batAt }, view) => void u64(0n)(view, batAt + 4096 * 8),
    code: 'corrupt',
    says: /sector bitmap of its chunk 0 is not there/,
  },
  {
    rule: 'a sector bitmap lies within the file',
    spec: child,
    breaks: (_b, { batAt }, view) => void u64((99n << 20n) | 6n)(view, batAt + 4096 * 8),
    code: 'corrupt',
    says: /sector bitmap of chunk 0 at .* is not within/,
  },
])

it('takes what is unusual but allowed', async () => {
  const { bytes } = vhdxImage({
    diskBytes: mebibyte,
    blocks: [{ block: 0, state: 6, data: new Uint8Array(mebibyte).fill(1) }],
    regions: [{ id: guidOf(9), mebibyte: 3, required: 0 }],
    items: [
      { id: guidOf(9), flags: 0, bytes: new Uint8Array(4) },
      { id: guidOf(9), flags: 1, bytes: new Uint8Array(0) },
    ],
  })
  await using image = await openImage(memoryFile('disk.vhdx', bytes).named(), { codecs: [vhdxCodec] })
  const read = new Uint8Array(4)
  await image.read(1000, read)
  expect([...read]).toEqual([1, 1, 1, 1])
})

import { guidBytes, guidOf } from './support/vhdx-image.js'
import { type BrokenRule, describeRules, inMetadata, inTables, locator, u16, u32, u64 } from './support/vhdx-rules.js'

const mebibyte = 2 ** 20
const itemsAt = 64 * 1024

describeRules([
  {
    rule: 'the metadata region begins with its table',
    breaks: inMetadata(0, u32(0)),
    code: 'corrupt',
    says: /does not begin with a metadata table/,
  },
  {
    rule: 'the metadata region has room for its table',
    breaks: inTables(72, u32(0)),
    code: 'corrupt',
    says: /no room for a table/,
  },
  {
    rule: 'the metadata table has at most 2047 entries',
    breaks: inMetadata(10, u16(2048)),
    code: 'corrupt',
    says: /2048 entries/,
  },
  {
    rule: 'a metadata item is named once',
    breaks: inMetadata(64, (view, at) => new Uint8Array(view.buffer).copyWithin(at, at - 32, at - 16)),
    code: 'corrupt',
    says: /twice/,
  },
  {
    rule: 'metadata items lie behind the table',
    breaks: inMetadata(48, u32(4096)),
    code: 'corrupt',
    says: /not within the region/,
  },
  {
    rule: 'metadata items lie within the region',
    breaks: inMetadata(48, u32(mebibyte - 4)),
    code: 'corrupt',
    says: /not within the region/,
  },
  {
    rule: 'metadata items take at most a mebibyte',
    breaks: inMetadata(52, u32(mebibyte + 1)),
    code: 'corrupt',
    says: /not within the region/,
  },
  {
    rule: 'metadata items lie apart',
    breaks: inMetadata(80, u32(itemsAt + 4)),
    code: 'corrupt',
    says: /overlaps another one/,
  },
  {
    rule: 'flags of a metadata item are known',
    breaks: inMetadata(56, u32(12)),
    code: 'unsupported',
    says: /unknown flags, 0xc/,
  },
  {
    rule: 'a metadata item that is required is known',
    spec: { items: [{ id: guidOf(9), flags: 4, bytes: new Uint8Array(4) }] },
    breaks: () => undefined,
    code: 'unsupported',
    says: /needs a metadata item that is not known, 09090909/,
  },
  {
    rule: "a user's metadata item is no system one",
    spec: { items: [{ id: 'caa16737-fa36-4d43-b3b6-33f0aa44e76b', flags: 5, bytes: new Uint8Array(4) }] },
    breaks: () => undefined,
    code: 'unsupported',
    says: /needs a metadata item that is not known, caa16737/,
  },
  {
    rule: 'there are at most 1024 user items',
    spec: {
      items: Array.from({ length: 1025 }, (_, index) => ({
        id: guidOf(0).replace('00000000', index.toString(16).padStart(8, '0')),
        flags: 1,
        bytes: new Uint8Array(0),
      })),
    },
    breaks: () => undefined,
    code: 'corrupt',
    says: /1025 user entries/,
  },
  ...['file parameters', 'virtual disk size', 'virtual disk id', 'logical sector size', 'physical sector size'].map(
    (what, index): BrokenRule => ({
      rule: `the metadata has ${what}`,
      breaks: (bytes, { metadataAt }) => {
        // An item that need not be known takes its place.
        bytes.set(guidBytes(guidOf(9)), metadataAt + 32 + 32 * index)
        bytes[metadataAt + 32 + 32 * index + 24] = 0
        return bytes
      },
      code: 'corrupt',
      says: new RegExp(`has no ${what}`),
    }),
  ),
  {
    rule: 'items of known length have it',
    breaks: inMetadata(52, u32(12)),
    code: 'corrupt',
    says: /overlaps|takes 12 bytes instead of 8/,
  },
  {
    rule: 'an empty item is not read',
    breaks: (_b, { metadataAt }, view) => void u64(0n)(view, metadataAt + 48),
    code: 'corrupt',
    says: /takes 0 bytes instead of 8/,
  },
  ...[0, 1000, 512 * 1024, 3 * mebibyte, 512 * mebibyte].map(
    (size): BrokenRule => ({
      rule: `the block size is not ${size}`,
      breaks: inMetadata(itemsAt, u32(size)),
      code: 'corrupt',
      says: new RegExp(`block size of ${size} is not allowed`),
    }),
  ),
  {
    rule: 'flags of the file parameters are known',
    breaks: inMetadata(itemsAt + 4, u32(0x8000_0004)),
    code: 'unsupported',
    says: /unknown flags, 0x80000004/,
  },
  {
    rule: 'the logical sector size is 512 or 4096',
    breaks: inMetadata(itemsAt + 32, u32(1024)),
    code: 'corrupt',
    says: /logical sector size of 1024/,
  },
  {
    rule: 'the physical sector size is 512 or 4096',
    breaks: inMetadata(itemsAt + 36, u32(8192)),
    code: 'corrupt',
    says: /physical sector size of 8192/,
  },
  {
    rule: 'the disk has whole sectors',
    breaks: inMetadata(itemsAt + 8, u64(1_000_001n)),
    code: 'corrupt',
    says: /whole sectors of 512/,
  },
  {
    rule: 'the disk has at most 64 TiB',
    breaks: inMetadata(itemsAt + 8, u64(2n ** 46n + 512n)),
    code: 'corrupt',
    says: /at most 64 TiB/,
  },
  {
    rule: 'the disk size is no absurd number',
    breaks: inMetadata(itemsAt + 8, u64(2n ** 63n)),
    code: 'corrupt',
    says: /more than any disk holds/,
  },
  {
    rule: 'the table has an entry for each block',
    breaks: inMetadata(itemsAt + 8, u64(2n ** 40n)),
    code: 'corrupt',
    says: /no room for the 1048831 entries/,
  },
  {
    rule: 'a child has a parent locator',
    spec: { flags: 2 },
    breaks: () => undefined,
    code: 'corrupt',
    says: /has no parent locator/,
  },
  {
    rule: 'the parent is a VHDX file',
    spec: { flags: 2, locator },
    breaks: (bytes, { metadataAt }) => bytes.fill(3, metadataAt + itemsAt + 40, metadataAt + itemsAt + 44),
    code: 'unsupported',
    says: /its parent is no VHDX file/,
  },
  {
    rule: 'the locator has a linkage',
    spec: { flags: 2, locator: locator.slice(1) },
    breaks: () => undefined,
    code: 'corrupt',
    says: /has no parent_linkage/,
  },
  {
    rule: 'the linkage is a GUID',
    spec: { flags: 2, locator: [['parent_linkage', 'x'], locator[1]] },
    breaks: () => undefined,
    code: 'corrupt',
    says: /no GUID/,
  },
  {
    rule: 'the locator has a path',
    spec: { flags: 2, locator: locator.slice(0, 1) },
    breaks: () => undefined,
    code: 'corrupt',
    says: /has no path/,
  },
  {
    rule: 'a key is there once',
    spec: { flags: 2, locator: [...locator, ['relative_path', 'other']] },
    breaks: () => undefined,
    code: 'corrupt',
    says: /relative_path twice/,
  },
  {
    rule: 'values have no NUL',
    spec: { flags: 2, locator: [locator[0], ['relative_path', 'a\0b']] },
    breaks: () => undefined,
    code: 'corrupt',
    says: /NUL/,
  },
  {
    rule: 'keys and values are within the locator',
    spec: { flags: 2, locator },
    breaks: inMetadata(itemsAt + 40 + 20 + 4, u32(70_000)),
    code: 'corrupt',
    says: /value of parent_linkage of its parent locator is not within it/,
  },
  {
    rule: 'the count of keys is within the locator',
    spec: { flags: 2, locator },
    breaks: inMetadata(itemsAt + 40 + 18, u16(9999)),
    code: 'corrupt',
    says: /no field at|not within it/,
  },
])

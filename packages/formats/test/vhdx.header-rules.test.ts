import { guidOf } from './support/vhdx-image.js'
import { describeRules, inTables, u16, u32, u64 } from './support/vhdx-rules.js'

const mebibyte = 2 ** 20
const header = 128 * 1024
const tables = [192 * 1024, 256 * 1024]
const logged = { logBytes: mebibyte }

describeRules([
  {
    rule: 'the signature begins the file',
    breaks: (bytes) => bytes.fill(0, 0, 8),
    code: 'unknown-format',
    says: /signature/,
  },
  {
    rule: 'the file has headers',
    breaks: (bytes) => bytes.subarray(0, 70_000),
    code: 'corrupt',
    says: /a header at 131072|a header at 65536/,
  },
  {
    rule: 'one header is whole',
    unsealed: true,
    breaks: (bytes) => bytes.fill(1, 64 * 1024 + 200, 64 * 1024 + 201).fill(1, header + 200, header + 201),
    code: 'corrupt',
    says: /neither of its two headers/,
    at: 64 * 1024,
  },
  {
    rule: 'headers that differ have different sequence numbers',
    breaks: (_bytes, _vector, view) => {
      view.setBigUint64(64 * 1024 + 8, 2n, true)
      view.setUint8(64 * 1024 + 16, 99)
      return undefined
    },
    code: 'corrupt',
    says: /same sequence number, 2/,
  },
  {
    rule: 'the version is 1',
    breaks: (_b, _v, view) => void u16(2)(view, header + 66),
    code: 'unsupported',
    says: /version 2/,
    at: header + 66,
  },
  {
    rule: 'one copy of the region table is whole',
    unsealed: true,
    breaks: inTables(60_000, u32(1)),
    code: 'corrupt',
    says: /neither copy of its region table/,
  },
  {
    rule: 'both copies of the region table agree',
    breaks: (_b, _v, view) => void u64(3n * 2n ** 20n)(view, tables[1]! + 32),
    code: 'corrupt',
    says: /copies of its region table are whole, but they differ/,
    at: tables[1]!,
  },
  {
    rule: 'the region table has at most 2047 entries',
    breaks: inTables(8, u32(2048)),
    code: 'corrupt',
    says: /2048 entries/,
  },
  {
    rule: 'there is a block allocation table',
    breaks: inTables(8, u32(0)),
    code: 'corrupt',
    says: /names no block allocation table/,
  },
  {
    rule: 'there is a metadata region',
    breaks: inTables(8, u32(1)),
    code: 'corrupt',
    says: /names no metadata region/,
  },
  {
    rule: 'a region is named once',
    breaks: inTables(48, (view, at) => new Uint8Array(view.buffer).copyWithin(at, at - 32, at - 16)),
    code: 'corrupt',
    says: /twice/,
  },
  {
    rule: 'regions begin at whole mebibytes',
    breaks: inTables(32, u64(BigInt(mebibyte + 4096))),
    code: 'corrupt',
    says: /whole mebibytes/,
  },
  {
    rule: 'regions are whole mebibytes long',
    breaks: inTables(40, u32(mebibyte + 1)),
    code: 'corrupt',
    says: /whole mebibytes/,
  },
  {
    rule: 'regions lie behind the headers',
    breaks: inTables(32, u64(0n)),
    code: 'corrupt',
    says: /whole mebibytes after the headers/,
  },
  {
    rule: 'regions lie within the file',
    breaks: inTables(32, u64(2n ** 40n)),
    code: 'corrupt',
    says: /is not within its/,
  },
  { rule: 'regions lie apart', breaks: inTables(32, u64(2n * 2n ** 20n)), code: 'corrupt', says: /overlaps another/ },
  {
    rule: 'regions lie apart from the log',
    spec: logged,
    breaks: (_b, _v, view) => void u64(2n * 2n ** 20n)(view, header + 72),
    code: 'corrupt',
    says: /overlaps another/,
  },
  {
    rule: 'a region that is required is known',
    spec: { regions: [{ id: guidOf(9), mebibyte: 3, required: 1 }] },
    breaks: () => undefined,
    code: 'unsupported',
    says: /needs a region that is not known, 09090909/,
  },
])

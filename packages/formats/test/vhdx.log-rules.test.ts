import { currentHeader } from './support/vhdx-image.js'
import { dirtyVhdx, setLogId, writeLogEntry } from './support/vhdx-log.js'
import { describeRules } from './support/vhdx-rules.js'

const mebibyte = 2 ** 20
const logged = { logBytes: mebibyte }

describeRules([
  {
    rule: 'a log that matters is of version 0',
    spec: logged,
    breaks: (bytes) => {
      setLogId(bytes)
      const at = currentHeader(bytes)
      bytes[at + 64] = 1
      return bytes
    },
    code: 'unsupported',
    says: /log is of version 1/,
  },
  {
    rule: 'a log that matters has a place',
    breaks: (bytes) => {
      setLogId(bytes)
      return bytes
    },
    code: 'corrupt',
    says: /its log at 0, 0 bytes long/,
  },
  {
    rule: 'a log that matters lies within the file',
    spec: logged,
    breaks: (bytes, _vector, view) => {
      setLogId(bytes)
      view.setBigUint64(currentHeader(bytes) + 72, 2n ** 40n, true)
      return bytes
    },
    code: 'corrupt',
    says: /its log at 1099511627776/,
  },
  {
    rule: 'a log that matters is not huge',
    spec: logged,
    breaks: (bytes, _vector, view) => {
      setLogId(bytes)
      view.setUint32(currentHeader(bytes) + 68, 65 * mebibyte, true)
      return bytes
    },
    code: 'limit',
    says: /its log of 68157440 bytes/,
  },
  {
    rule: 'a log that matters has a complete sequence',
    spec: logged,
    breaks: (bytes) => {
      setLogId(bytes)
      return bytes
    },
    code: 'corrupt',
    says: /no complete sequence/,
  },
  {
    rule: 'the checksum of a log entry is right',
    spec: logged,
    unsealed: true,
    breaks: (bytes, { logAt }) => dirtyVhdx(bytes).fill(1, logAt + 6000, logAt + 6001),
    code: 'corrupt',
    says: /no complete sequence/,
  },
  {
    rule: 'the file is as long as its log remembers',
    spec: logged,
    breaks: (bytes) => {
      setLogId(bytes)
      writeLogEntry(bytes, { sector: 0, sequence: 1n, tail: 0, changes: [], flushedBytes: bytes.byteLength + 1 })
      return bytes
    },
    code: 'corrupt',
    says: /it was cut off/,
  },
  {
    rule: 'a log does not let the file grow without end',
    spec: logged,
    breaks: (bytes) => {
      setLogId(bytes)
      writeLogEntry(bytes, { sector: 0, sequence: 1n, tail: 0, changes: [], lastBytes: 2 ** 40 })
      return bytes
    },
    code: 'limit',
    says: /lets it grow/,
  },
  {
    rule: 'a log does not zero what is far away',
    spec: logged,
    breaks: (bytes) => {
      setLogId(bytes)
      writeLogEntry(bytes, { sector: 0, sequence: 1n, tail: 0, changes: [{ at: 2 ** 41, zeros: 4096 }] })
      return bytes
    },
    code: 'limit',
    says: /lets it grow/,
  },
])

import type { CallOptions, OpenFile } from '../../filesystem.js'
import { FilesystemError } from '../../filesystem-error.js'
import type { JournalSuperblock } from './journal-superblock.js'
import { type LogBlock, parseLogBlock, revokedBlocks, type Tag, tagsOf } from './log-blocks.js'

/** The newest copy of a block that the log has. */
export interface LoggedBlock extends Pick<Tag, 'isEscaped' | 'checksum'> {
  /** Block of the journal. */
  readonly journalBlock: number
  readonly sequence: number
}

/** What must be laid over a file system whose journal was not replayed. */
export interface Log {
  readonly blocks: ReadonlyMap<number, LoggedBlock>
  /** Sequence number behind the last complete transaction. */
  readonly endSequence: number
}

/** More than any log that is in use; a full journal of 1 GiB has a quarter of a million of blocks. */
const mostBlocks = 2 ** 19

/** One transaction: what it writes and what it makes void. */
interface Transaction {
  readonly sequence: number
  readonly written: (readonly [block: number, logged: LoggedBlock])[]
  readonly revoked: number[]
}

/** Reads the complete transactions of a log; what was never committed is left out. Kernel: fs/jbd2/recovery.c. */
export async function readLog(journal: JournalSuperblock, file: OpenFile, options: CallOptions): Promise<Log> {
  const blocks = new Map<number, LoggedBlock>()
  let sequence = journal.startSequence
  const revoked = new Map<number, number>()
  for await (const transaction of transactions(journal, file, options)) {
    for (const [block, logged] of transaction.written) blocks.set(block, logged)
    for (const block of transaction.revoked) revoked.set(block, transaction.sequence)
    if (blocks.size > mostBlocks || revoked.size > mostBlocks) throw tooMuch()
    sequence = nextSequence(transaction.sequence)
  }
  for (const [block, logged] of blocks) {
    const since = revoked.get(block)
    if (since !== undefined && !isBefore(since, logged.sequence)) blocks.delete(block)
  }
  return { blocks, endSequence: sequence }
}

async function* transactions(
  journal: JournalSuperblock,
  file: OpenFile,
  options: CallOptions,
): AsyncIterable<Transaction> {
  const { firstBlock, endBlock, startBlock, startSequence } = journal
  if (startBlock === 0) return
  const logBlocks = endBlock - firstBlock
  const wrap = (block: number) => firstBlock + ((block - firstBlock) % logBlocks)
  let current: Transaction = { sequence: startSequence, written: [], revoked: [] }
  let at = startBlock
  for (let passed = 0; passed < logBlocks; ) {
    const found = await logBlockAt(journal, file, wrap(at), options)
    if (found === undefined || found.sequence !== current.sequence) return
    let length = 1
    if (found.type === 'descriptor') {
      for (const { block, isEscaped, checksum } of tagsOf(found, journal)) {
        const journalBlock = wrap(at + length)
        current.written.push([block, { journalBlock, isEscaped, checksum, sequence: current.sequence }])
        length += 1
      }
    } else if (found.type === 'revoke') {
      current.revoked.push(...revokedBlocks(found, journal))
    } else {
      yield current
      current = { sequence: nextSequence(current.sequence), written: [], revoked: [] }
    }
    at = wrap(at + length)
    passed += length
    if (passed > mostBlocks || current.revoked.length > mostBlocks) throw tooMuch()
  }
}

async function logBlockAt(
  journal: JournalSuperblock,
  file: OpenFile,
  block: number,
  options: CallOptions,
): Promise<LogBlock | undefined> {
  const bytes = new Uint8Array(journal.blockBytes)
  await file.read(block * journal.blockBytes, bytes, options)
  return parseLogBlock(bytes, journal)
}

function tooMuch() {
  return new FilesystemError('limit', `The journal has more than ${mostBlocks} blocks to replay.`)
}

function nextSequence(sequence: number): number {
  return (sequence + 1) >>> 0
}

/** Sequence numbers go round. */
function isBefore(one: number, other: number): boolean {
  return ((one - other) | 0) < 0
}

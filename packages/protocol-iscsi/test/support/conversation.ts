import { decodeSense, hexOf, type ScsiDevice } from '../../src/scsi/index.js'

/** Units that a conversation is held with. */
export interface Partners {
  readonly drive: ScsiDevice
  readonly smallDrive: ScsiDevice
  readonly changer: ScsiDevice
}

/** One command, and how much of its answer is compared. */
export interface Step {
  readonly unit: keyof Partners
  readonly note: string
  readonly cdb: string
  readonly dataOut?: Uint8Array
  readonly dataInBytes?: number
  /** Names of units and lists of commands differ. @defaultValue true */
  readonly comparesData?: boolean
}

/** What is compared. */
export interface Said {
  readonly note: string
  readonly status: number
  readonly sense: string
  /** Digits of what came, of an answer whose data has a meaning. */
  readonly data: string
  readonly counted: number
}

/** Holds a conversation, and notes the answers. */
export async function converse(partners: Partners, steps: readonly Step[]): Promise<readonly Said[]> {
  const said: Said[] = []
  for (const { unit, note, cdb, dataOut, dataInBytes = 0, comparesData = true } of steps) {
    const dataIn = new Uint8Array(dataInBytes)
    const command = {
      cdb: Uint8Array.from(Buffer.from(cdb.replaceAll(' ', ''), 'hex')),
      ...(dataInBytes === 0 ? {} : { dataIn }),
      ...(dataOut === undefined ? {} : { dataOut }),
    }
    const answer = await partners[unit].execute(command, { signal: AbortSignal.timeout(30_000) })
    // What a failed READ leaves in the buffer is whatever was there before; of a wrong length it is the block's beginning.
    const isMeant = answer.status === 0 || decodeSense(answer.sense)?.incorrectLength === true
    said.push({
      note: `${note} [${cdb}]`,
      status: answer.status,
      sense: hexOf(answer.sense),
      data: comparesData && isMeant ? hexOf(dataIn.subarray(0, Math.min(answer.dataInBytes, 1200))) : '',
      counted: comparesData ? answer.dataInBytes : 0,
    })
  }
  return said
}

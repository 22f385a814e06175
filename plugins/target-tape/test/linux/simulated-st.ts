import { decodeSense, type ScsiDevice, type Sense, scsiStatus, senseKey } from '@holdfast/protocol-iscsi/scsi'
import { failure, type OpenFile } from './open-file.js'

const signal = new AbortController().signal

/** `ST_*` of drivers/scsi/st.h: what the driver knows of filemarks and ends; the order has a meaning. */
const eofs = { none: 0, filemark: 2, endOk: 3, endError: 4, dataEnd1: 5, dataEnd2: 6, dataEnd: 7 } as const

interface Result {
  readonly isGood: boolean
  readonly sense: Sense | undefined
  readonly data: Uint8Array
}

/**
 * The st driver of Linux over a drive in memory: what drivers/scsi/st.c does, statement by statement, for blocks of variable length.
 *
 * Left out: partitions, setmarks, its own buffers, all ioctls but those of Documentation/scsi/st.rst that a backup needs.
 */
export async function simulatedSt(device: ScsiDevice): Promise<OpenFile> {
  let [ready, isProtected, blockSize]: ['ready' | 'not-ready' | 'no-tape', boolean, number] = ['ready', false, 0]
  let [eof, file, block]: [number, number, number] = [eofs.none, -1, -1]
  let isWriting = false

  const run = async (
    cdb: readonly number[],
    data: { dataIn?: Uint8Array; dataOut?: Uint8Array } = {},
  ): Promise<Result> => {
    const answer = await device.execute({ cdb: Uint8Array.from(cdb), ...data }, { signal }).catch(() => undefined)
    if (answer === undefined) return { isGood: false, sense: undefined, data: new Uint8Array() }
    const sense = answer.status === scsiStatus.checkCondition ? decodeSense(answer.sense) : undefined
    // A recovered error without flags is none.
    const isRecovered =
      sense?.key === senseKey.recoveredError && !sense.filemark && !sense.endOfMedium && !sense.incorrectLength
    return {
      isGood: answer.status === scsiStatus.good || isRecovered,
      sense,
      data: (data.dataIn ?? new Uint8Array()).subarray(0, answer.dataInBytes),
    }
  }
  const three = (count: number) => [(count >> 16) & 255, (count >> 8) & 255, count & 255]

  const checkTape = async (): Promise<void> => {
    ready = 'ready'
    for (let attentions = 0; ; attentions++) {
      const { sense } = await run([0, 0, 0, 0, 0, 0])
      if (sense?.key === senseKey.unitAttention) {
        if (attentions === 10) throw failure('EIO')
        if (sense.asc === 0x28) [eof, file, block, isWriting] = [eofs.none, 0, 0, false]
        continue
      }
      if (sense?.key === senseKey.notReady) {
        ready = sense.asc === 0x3a ? 'no-tape' : 'not-ready'
        ;[isProtected, blockSize, file, block] = [false, 0, -1, -1]
        return
      }
      break
    }
    const { data } = await run([0x1a, 0, 0, 0, 12, 0], { dataIn: new Uint8Array(12) })
    isProtected = (data[2]! & 0x80) !== 0
    blockSize = (data[9]! << 16) | (data[10]! << 8) | data[11]!
  }
  const checkReady = (): void => {
    if (ready !== 'ready') throw failure(ready === 'no-tape' ? 'ENOMEDIUM' : 'EIO')
  }
  const loadUnload = async (isLoad: boolean): Promise<void> => {
    if (!isLoad) checkReady()
    const { isGood } = await run([0x1b, 0, 0, 0, isLoad ? 1 : 0, 0])
    if (!isGood) {
      file = block = -1
      throw failure('EIO')
    }
    if (isLoad) await checkTape()
    else ready = 'no-tape'
  }

  const space = async (code: number, count: number): Promise<void> => {
    const isFiles = code === 1
    const { isGood, sense } = await run([0x11, code, ...three(count), 0])
    const undone = sense?.information ?? 0
    if (isGood) {
      if (isFiles) [file, block, eof] = [file < 0 ? file : file + count, 0, eofs.filemark]
      else [block, eof] = [block < 0 ? block : block + count, eofs.none]
      return
    }
    if (isFiles) [file, block, eof] = [file < 0 ? file : file + count - undone, -1, eofs.none]
    else if (sense?.filemark === true) [file, block, eof] = [file < 0 ? file : file + 1, 0, eofs.filemark]
    else [block, eof] = [block + count >= undone ? block + count - undone : -1, eofs.none]
    if (sense?.key === senseKey.blankCheck) eof = eofs.dataEnd
    throw failure('EIO')
  }
  const writeFilemark = async (): Promise<void> => {
    if (isProtected) throw failure('EACCES')
    const { isGood, sense } = await run([0x10, 0, 0, 0, 1, 0])
    const isWarning =
      sense?.endOfMedium === true && (sense.key === senseKey.noSense || sense.key === senseKey.recoveredError)
    if (!isGood && !isWarning) {
      if (sense?.endOfMedium === true) [eof, block] = [eofs.endOk, 0]
      throw failure('EIO')
    }
    ;[file, block, eof, isWriting] = [file < 0 ? file : file + 1, 0, eofs.none, false]
  }
  const rewind = async (): Promise<void> => {
    if (!(await run([1, 0, 0, 0, 0, 0])).isGood) throw failure('EIO')
    ;[file, block, eof] = [0, 0, eofs.none]
  }
  const setBlockLength = async (bytes: number): Promise<void> => {
    const dataOut = Uint8Array.of(0, 0, 0x10, 8, 0, 0, 0, 0, 0, ...three(bytes))
    if (!(await run([0x15, 0x10, 0, 0, dataOut.length, 0], { dataOut })).isGood) throw failure('EIO')
    blockSize = bytes
  }

  const operate = async (operation: number, count: number): Promise<number> => {
    // Rewinding and going off line end what was written.
    if (isWriting && (operation === 6 || operation === 7)) await writeFilemark()
    if (operation !== 20) isWriting = false
    if (operation === 7) await loadUnload(false)
    else if (operation === 30) await loadUnload(true)
    else {
      checkReady()
      if (operation === 1) await space(1, count)
      else if (operation === 3) await space(0, count)
      else if (operation === 5) await writeFilemark()
      else if (operation === 6) await rewind()
      else if (operation === 20) await setBlockLength(count)
      else throw failure('EINVAL')
    }
    return 0
  }
  const status = (view: DataView): number => {
    let flags = 0n
    if (isProtected) flags |= 0x0400_0000n
    if (block === 0) flags |= file === 0 ? 0x4000_0000n : 0x8000_0000n
    if (eof === eofs.endOk || eof === eofs.endError) flags |= 0x2000_0000n
    else if (eof >= eofs.endOk) flags |= 0x0800_0000n
    if (ready === 'ready') flags |= 0x0100_0000n
    if (ready === 'no-tape') flags |= 0x0004_0000n
    view.setBigInt64(0, 0x72n, true)
    view.setBigInt64(8, 0n, true)
    view.setBigInt64(16, BigInt(blockSize), true)
    view.setBigInt64(24, flags, true)
    view.setInt32(40, file, true)
    view.setInt32(44, block, true)
    return 0
  }
  const checkLength = (bytes: number): void => {
    checkReady()
    if (blockSize !== 0)
      throw bytes % blockSize === 0 ? new Error('Fixed blocks are not simulated.') : failure('EINVAL')
  }

  await checkTape()
  return {
    read: async (into) => {
      checkLength(into.length)
      isWriting = false
      if (eof >= eofs.dataEnd1) {
        if (eof === eofs.dataEnd) throw failure('EIO')
        eof += 1
        return 0
      }
      const { isGood, sense, data } = await run([8, 0, ...three(into.length), 0], { dataIn: into })
      if (isGood) {
        ;[block, eof] = [block < 0 ? block : block + 1, eof === eofs.filemark ? eofs.none : eof]
        return data.length
      }
      if (sense?.key === senseKey.blankCheck) {
        block = -1
        if (eof !== eofs.filemark) throw failure('EIO')
        eof = eofs.dataEnd
        return 0
      }
      if (sense?.filemark === true) {
        ;[file, block, eof] = [file < 0 ? file : file + 1, 0, eofs.filemark]
        return 0
      }
      if (sense?.incorrectLength === true && sense.key !== senseKey.mediumError) {
        if (block >= 0) block += 1
        if (eof === eofs.filemark) eof = eofs.none
        const missing = sense.information ?? 0
        if (missing < 0) throw failure('ENOMEM')
        return into.length - missing
      }
      block = -1
      throw failure('EIO')
    },
    write: async (bytes) => {
      checkLength(bytes.length)
      if (isProtected) throw failure('EACCES')
      isWriting = true
      if (eof === eofs.endOk) {
        eof = eofs.dataEnd1
        throw failure('ENOSPC')
      }
      const { isGood, sense } = await run([0x0a, 0, ...three(bytes.length), 0], { dataOut: bytes })
      if (isGood) {
        ;[block, eof] = [block < 0 ? block : block + 1, eof === eofs.dataEnd1 ? eofs.endOk : eofs.none]
        return bytes.length
      }
      if (sense?.endOfMedium !== true) {
        block = -1
        throw failure('EIO')
      }
      eof = eofs.endOk
      const isOverflow = sense.key === senseKey.volumeOverflow
      const undone = sense.information ?? (isOverflow ? bytes.length : 0)
      if (undone >= bytes.length) throw failure('ENOSPC')
      block += block < 0 ? 0 : 1
      return bytes.length - undone
    },
    ioctl: async (request, argument) => {
      const view = new DataView(argument.buffer, argument.byteOffset, argument.length)
      if (request === 0x40086d01 && view.byteLength === 8)
        return await operate(view.getInt16(0, true), view.getInt32(4, true))
      if (request === 0x80306d02 && view.byteLength === 48) return status(view)
      throw failure('ENOTTY')
    },
    readable: async () => undefined,
    release: async () => {
      if (isWriting) await writeFilemark()
    },
  }
}

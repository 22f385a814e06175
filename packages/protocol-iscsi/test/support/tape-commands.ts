import { expect } from 'vitest'
import type { IscsiAnswer, IscsiDevice, IscsiSession } from '../../src/index.js'

/** A length of three bytes, as tapes have it. */
const threeBytes = (count: number) => [(count >> 16) & 255, (count >> 8) & 255, count & 255]

/** READ(6), one block of variable length. SSC-4, 5.13. */
export function readBlock(device: IscsiDevice, dataIn: Uint8Array): Promise<IscsiAnswer> {
  return device.execute({ cdb: Uint8Array.of(0x08, 0, ...threeBytes(dataIn.length), 0), dataIn })
}

/** WRITE(6), one block of variable length. SSC-4, 5.21. */
export function writeBlock(device: IscsiDevice, dataOut: Uint8Array): Promise<IscsiAnswer> {
  return device.execute({ cdb: Uint8Array.of(0x0a, 0, ...threeBytes(dataOut.length), 0), dataOut })
}

/** WRITE FILEMARKS(6). SSC-4, 5.23. */
export async function writeFilemark(device: IscsiDevice): Promise<void> {
  await good(device.execute({ cdb: Uint8Array.of(0x10, 0, 0, 0, 1, 0) }))
}

/** REWIND. SSC-4, 5.18. */
export async function rewind(device: IscsiDevice): Promise<void> {
  await good(device.execute({ cdb: Uint8Array.of(0x01, 0, 0, 0, 0, 0) }))
}

/** Takes the unit attentions that come first, and returns the sense key that stays; 0 when the unit is ready. */
export async function senseKey(device: IscsiDevice): Promise<number> {
  for (;;) {
    const { status, sense } = await device.execute({ cdb: new Uint8Array(6) })
    if (status === 0) return 0
    if ((sense[2]! & 15) !== 6) return sense[2]! & 15
  }
}

/** Puts the cartridge of a slot into the first drive by MOVE MEDIUM, and returns the drive. SMC-3, 6.9. */
export async function loadedDrive(session: IscsiSession, changerLun: number, slot = 1024): Promise<IscsiDevice> {
  const changer = session.device(changerLun)
  await senseKey(changer)
  await good(changer.execute({ cdb: Uint8Array.of(0xa5, 0, 0, 1, slot >> 8, slot & 255, 1, 0, 0, 0, 0, 0) }))
  const drive = session.device(1)
  expect(await senseKey(drive)).toBe(0)
  return drive
}

/** Expects GOOD. */
export async function good(answer: Promise<IscsiAnswer>): Promise<IscsiAnswer> {
  const given = await answer
  expect(given.status).toBe(0)
  return given
}

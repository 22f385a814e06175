import { describe, expect, it } from 'vitest'
import {
  awaitReady,
  changeReservation,
  inquiry,
  readReservation,
  readReservationKeys,
  releaseExclusively,
  releaseUnit,
  reserveExclusively,
  reserveUnit,
  rewind,
  testUnitReady,
} from '../src/scsi/index.js'
import { firstDrive, mounted } from './support/mounted.js'
import { calm, failure } from './support/scsi-failure.js'

const quick = { ...calm, pollMs: 1 }

describe('reservations', () => {
  it('keep others out, with the older commands', async () => {
    const { library, drive } = await mounted()
    const other = firstDrive(library.initiator('other'))
    await awaitReady(other, quick)
    await reserveUnit(drive, calm)
    await failure(testUnitReady(other, calm), 'reservation-conflict')
    await inquiry(other, calm)
    await releaseUnit(other, calm)
    await failure(rewind(other, calm), 'reservation-conflict')
    await releaseUnit(drive, calm)
    await rewind(other, calm)
  })

  it('keep others out, and survive a loss of power', async () => {
    const { library, drive } = await mounted()
    const other = firstDrive(library.initiator('other'))
    await reserveExclusively(drive, 0xabcn, calm)
    library.losePower()
    await failure(rewind(other, calm), 'unit-attention')
    await failure(rewind(other, calm), 'reservation-conflict')
    await awaitReady(drive, quick)
    await rewind(drive, calm)
    expect(await readReservation(other, calm)).toEqual({ key: 0xabcn, type: 3 })
    await failure(changeReservation(other, { action: 'reserve', key: 0n }, calm), 'reservation-conflict')
    await releaseExclusively(drive, 0xabcn, calm)
    expect(await readReservation(drive, calm)).toBeUndefined()
    await rewind(other, calm)
  })

  it('are taken from a host that is gone', async () => {
    const { library, drive } = await mounted()
    const other = firstDrive(library.initiator('other'))
    await awaitReady(other, quick)
    await reserveExclusively(drive, 1n, calm)
    await changeReservation(other, { action: 'replace', key: 0n, otherKey: 2n }, calm)
    expect((await readReservationKeys(other, calm)).keys).toEqual([1n, 2n])
    await changeReservation(other, { action: 'preempt', key: 2n, otherKey: 1n }, calm)
    expect(await readReservation(other, calm)).toEqual({ key: 2n, type: 3 })
    expect((await failure(rewind(drive, calm), 'unit-attention')).sense).toMatchObject({ asc: 0x2a, ascq: 5 })
    await failure(rewind(drive, calm), 'reservation-conflict')
  })
})

import { inquiry, readBlock, rewind, writeBlock } from '@holdfast/protocol-iscsi/scsi'
import { describe, expect, it } from 'vitest'
import { openSgDevice } from '../../src/linux/sg-device.js'
import { sgRequest } from '../../src/linux/sg-header.js'
import { call, numbered } from '../drive-table.js'
import { sgSite } from './sites.js'

const testUnitReady = { cdb: new Uint8Array(6) }

describe('a unit behind sg', () => {
  it('has its command, its direction, its time limit and room for sense data in the header', async () => {
    const { kernel, unit } = await sgSite()
    await unit.execute(
      { cdb: Uint8Array.of(0x12, 0, 0, 0, 36, 0), dataIn: new Uint8Array(36) },
      { ...call, timeoutMs: 4321 },
    )
    const header = new DataView(kernel.lastHeader.slice().buffer)
    expect(header.byteLength).toBe(88)
    expect(String.fromCharCode(header.getUint8(0))).toBe('S')
    const fields = { direction: header.getInt32(4, true), command: header.getUint8(8), sense: header.getUint8(9) }
    expect(fields).toEqual({ direction: -3, command: 6, sense: 96 })
    expect([header.getUint32(12, true), header.getUint32(40, true)]).toEqual([36, 4321])
    await unit.execute(testUnitReady, call)
    expect(new DataView(kernel.lastHeader.slice().buffer).getInt32(4, true)).toBe(-1)
  })

  it('gives sense data, and says how much of the data came', async () => {
    const { unit, library } = await sgSite({ readyAfterCommands: 0 })
    const attention = await unit.execute(testUnitReady, call)
    expect(attention).toMatchObject({ status: 2, dataInBytes: 0 })
    expect(attention.sense[2]).toBe(6)
    const { status, sense, dataInBytes } = await unit.execute(
      { cdb: Uint8Array.of(0x12, 0, 0, 0, 255, 0), dataIn: new Uint8Array(255) },
      call,
    )
    expect({ status, sense: sense.length }).toEqual({ status: 0, sense: 0 })
    expect(dataInBytes).toBeGreaterThanOrEqual(36)
    expect(dataInBytes).toBeLessThan(255)
    expect(library.counters(0).bytesRead).toBe(0)
    // An answer is the caller's for good.
    expect(attention.sense[2]).toBe(6)
  })

  it.each([
    [1, 'it cannot be reached any more'],
    [3, 'it did not answer in time'],
    [7, 'host status 7'],
    [14, 'the connection to it broke'],
  ])('says what its adapter says when no answer came: host status %i', async (hostStatus, words) => {
    const { kernel, unit } = await sgSite()
    kernel.nextHostStatus = hostStatus
    const asking = unit.execute(testUnitReady, call)
    await expect(asking).rejects.toMatchObject({ code: 'E_TARGET_UNAVAILABLE', context: { device: '/dev/sg1' } })
    await expect(asking).rejects.toThrow(words)
    expect(await unit.execute(testUnitReady, call)).toMatchObject({ status: expect.any(Number) })
  })

  it('takes sense data beside GOOD for an answer', () => {
    const { header, answer } = sgRequest(() => 0n)
    const view = new DataView(header.buffer)
    view.setUint16(70, 8, true)
    expect(answer()).toMatchObject({ status: 0 })
    view.setUint16(70, 6, true)
    expect(answer()).toContain('driver status 6')
  })

  it('rejects at an abort at once; what follows waits for the command that still runs', async () => {
    const { kernel, unit } = await sgSite()
    await unit.execute(testUnitReady, call)
    const [gate, order] = [Promise.withResolvers<void>(), [] as string[]]
    kernel.passing = async ([opcode = 0]) => {
      order.push(`begins ${opcode}`)
      await gate.promise
      order.push(`ends ${opcode}`)
    }
    const abort = new AbortController()
    const into = new Uint8Array(36).fill(7)
    const first = unit.execute({ cdb: Uint8Array.of(0x12, 0, 0, 0, 36, 0), dataIn: into }, { signal: abort.signal })
    await new Promise((resolve) => setTimeout(resolve, 5))
    abort.abort(new Error('enough'))
    await expect(first).rejects.toThrow('enough')
    const second = unit.execute(testUnitReady, call)
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect(order).toEqual(['begins 18'])
    gate.resolve()
    await second
    expect(order).toEqual(['begins 18', 'ends 18', 'begins 0', 'ends 0'])
    // The caller has its memory back since the abort.
    expect(into).toEqual(new Uint8Array(36).fill(7))
  })

  it('does not send a command whose turn comes after its abort', async () => {
    const { kernel, unit } = await sgSite()
    const opcodes: number[] = []
    kernel.passing = async ([opcode = 0]) => void opcodes.push(opcode)
    const abort = new AbortController()
    const first = unit.execute(testUnitReady, call)
    const second = unit.execute({ cdb: Uint8Array.of(1, 0, 0, 0, 0, 0) }, { signal: abort.signal })
    abort.abort(new Error('enough'))
    await expect(second).rejects.toThrow('enough')
    await first
    await unit.execute(testUnitReady, call)
    expect(opcodes).toEqual([0, 0])
  })

  it('carries what a caller changes after the call as it was when its turn came', async () => {
    const { kernel, unit, drive } = await sgSite()
    await drive.load(call)
    const block = numbered(1, 2)
    kernel.passing = async () => void block.fill(0)
    await writeBlock(unit, block, call)
    await rewind(unit, call)
    const into = new Uint8Array(block.length)
    expect(await readBlock(unit, into, call)).toMatchObject({ kind: 'block' })
    expect(into).toEqual(numbered(1, 2))
  })

  it('waits at its close for the command that runs', async () => {
    const { kernel, unit } = await sgSite()
    const gate = Promise.withResolvers<void>()
    kernel.passing = () => gate.promise
    const abort = new AbortController()
    const asking = unit.execute(testUnitReady, { signal: abort.signal })
    await new Promise((resolve) => setTimeout(resolve, 5))
    abort.abort(new Error('enough'))
    await expect(asking).rejects.toThrow('enough')
    setTimeout(gate.resolve, 10)
    await unit.close()
    expect(kernel.openFiles()).toBe(0)
  })

  it('is open once only where it is nobody else’s', async () => {
    const { kernel, unit } = await sgSite()
    const again = openSgDevice('/dev/sg1', kernel, { isExclusive: false })
    await expect(again).rejects.toMatchObject({ code: 'E_REPOSITORY_BUSY', retry: 'transient' })
    await unit.close()
    const one = await openSgDevice('/dev/sg1', kernel, { isExclusive: false })
    const other = await openSgDevice('/dev/sg1', kernel, { isExclusive: false })
    expect((await inquiry(other, call)).vendor).toBe((await inquiry(one, call)).vendor)
  })
})

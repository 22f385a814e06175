import { describe, expect, it } from 'vitest'
import { sgDirection, sgHeader } from '../../src/linux/sg-header.js'
import { mtget, mtop, stFlag, stOperation, stRequest } from '../../src/linux/st-ioctl.js'

// What gcc 12 says of the headers of Linux 6.1 on x86-64: offsetof, sizeof and the values of the macros.
describe('the structures of the kernel', () => {
  it('have the layout of struct sg_io_hdr', () => {
    expect(sgHeader).toEqual({
      bytes: 88,
      interfaceId: 0,
      direction: 4,
      commandBytes: 8,
      senseRoom: 9,
      dataBytes: 12,
      data: 16,
      command: 24,
      sense: 32,
      timeoutMs: 40,
      status: 64,
      senseBytes: 67,
      hostStatus: 68,
      driverStatus: 70,
      residual: 72,
    })
    expect(sgDirection).toEqual({ none: -1, out: -2, in: -3 })
  })

  it('have the layout of struct mtop and mtget, and the numbers of mtio.h', () => {
    expect(mtop).toEqual({ bytes: 8, operation: 0, count: 4 })
    expect(mtget).toEqual({ bytes: 48, status: 16, generic: 24, file: 40 })
    expect(stRequest).toEqual({ MTIOCTOP: 1_074_294_017, MTIOCGET: 2_150_657_282 })
    expect(stOperation).toEqual({ MTFSF: 1, MTFSR: 3, MTWEOF: 5, MTREW: 6, MTOFFL: 7, MTSETBLK: 20, MTLOAD: 30 })
    expect(stFlag).toEqual({
      nearEnd: 536_870_912n,
      endOfData: 134_217_728n,
      writeProtected: 67_108_864n,
      online: 16_777_216n,
      empty: 262_144n,
    })
  })
})

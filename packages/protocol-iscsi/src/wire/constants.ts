/** Bytes of every header. RFC 7143, 11.2.1. */
export const headerBytes = 48

/** A tag that names no task. */
export const noTag = 0xffff_ffff

/** Largest data segment that its length field can say. */
export const maxSegmentBytes = 2 ** 24 - 1

/** RFC 7143, 11.2.1.2: what an initiator sends. */
export const initiatorOpcode = {
  nopOut: 0x00,
  scsiCommand: 0x01,
  taskManagement: 0x02,
  login: 0x03,
  text: 0x04,
  dataOut: 0x05,
  logout: 0x06,
} as const

/** RFC 7143, 11.2.1.2: what a target sends. */
export const targetOpcode = {
  nopIn: 0x20,
  scsiResponse: 0x21,
  taskManagementResponse: 0x22,
  loginResponse: 0x23,
  textResponse: 0x24,
  dataIn: 0x25,
  logoutResponse: 0x26,
  readyToTransfer: 0x31,
  asyncMessage: 0x32,
  reject: 0x3f,
} as const

/** Stages of a login. RFC 7143, 11.12.3. */
export const loginStage = { security: 0, operational: 1, fullFeature: 3 } as const

/** One of `loginStage`. */
export type LoginStage = (typeof loginStage)[keyof typeof loginStage]

/** RFC 7143, 11.5.1. */
export const taskFunction = { abortTask: 1, unitReset: 5 } as const

/** RFC 7143, 11.6.1. */
export const taskResponse = { complete: 0, noSuchTask: 1, noSuchUnit: 2, notSupported: 5, rejected: 255 } as const

/** RFC 7143, 11.9.1. */
export const asyncEvent = {
  scsi: 0,
  logoutRequested: 1,
  connectionDropped: 2,
  sessionDropped: 3,
  negotiationRequested: 4,
  tasksTerminated: 5,
} as const

/** RFC 7143, 11.17.1. */
export const rejectReasons: Readonly<Record<number, string>> = {
  1: 'reserved',
  2: 'data digest error',
  3: 'SNACK reject',
  4: 'protocol error',
  5: 'command not supported',
  6: 'too many immediate commands',
  7: 'task in progress',
  8: 'invalid data acknowledgment',
  9: 'invalid PDU field',
  10: 'long operation reject, no resources',
  12: 'waiting for logout',
}

/** Statuses of SCSI that this layer looks at. SAM-5, 5.3. */
export const scsiStatus = { good: 0, checkCondition: 2 } as const

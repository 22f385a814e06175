/** Magic numbers, by where they stand. Spec: "Values". */
export const magic = {
  /** `NBDMAGIC`, the first eight bytes of a server. */
  greeting: 0x4e42444d41474943n,
  /** `IHAVEOPT`: newstyle negotiation, and the start of every option. */
  haveOption: 0x49484156454f5054n,
  optionReply: 0x0003e889045565a9n,
  request: 0x25609513,
  simpleReply: 0x67446698,
  chunk: 0x668e33ef,
} as const

/** Handshake flags of the server; the client's have the same values. */
export const handshakeFlag = { fixedNewstyle: 1, noZeroes: 2 } as const

/** Spec: "Option types". */
export const option = {
  exportName: 1,
  abort: 2,
  list: 3,
  startTls: 5,
  info: 6,
  go: 7,
  structuredReply: 8,
  listMetaContext: 9,
  setMetaContext: 10,
} as const

/** Spec: "Option reply types". */
export const optionReply = {
  ack: 1,
  server: 2,
  info: 3,
  metaContext: 4,
  unsupported: 0x8000_0001,
  policy: 0x8000_0002,
  invalid: 0x8000_0003,
  tlsRequired: 0x8000_0005,
  unknown: 0x8000_0006,
  shutdown: 0x8000_0007,
  tooBig: 0x8000_0009,
} as const

/** Option replies from this value on are errors. */
export const firstErrorReply = 0x8000_0000

/** What NBD_OPT_INFO and NBD_OPT_GO tell. */
export const infoType = { export: 0, name: 1, description: 2, blockSize: 3 } as const

/** Spec: "Transmission flags". */
export const transmissionFlag = {
  hasFlags: 1,
  readOnly: 2,
  flush: 4,
  fua: 8,
  trim: 32,
  writeZeroes: 64,
  dontFragment: 128,
  multiConn: 256,
  fastZero: 2048,
} as const

/** Spec: "Request types". */
export const command = {
  read: 0,
  write: 1,
  disconnect: 2,
  flush: 3,
  trim: 4,
  writeZeroes: 6,
  blockStatus: 7,
} as const

/** Spec: "Command flags". */
export const commandFlag = { fua: 1, noHole: 2, dontFragment: 4, requestOne: 8, fastZero: 16 } as const

/** Spec: "Structured reply types". */
export const chunkType = {
  none: 0,
  offsetData: 1,
  offsetHole: 2,
  blockStatus: 5,
  error: 0x8001,
  errorOffset: 0x8002,
} as const

/** Chunk types from this value on are errors. */
export const firstErrorChunk = 0x8000

/** Set on the last chunk of a reply. */
export const chunkFlagDone = 1

/** Most bytes of a name, a description or an error message. Spec: "String fields". */
export const maxStringBytes = 4096

/** The context of the specification itself; its extents are made of `allocationState`. */
export const baseAllocation = 'base:allocation'

/** Bits of an extent of `base:allocation`: a hole takes no space, zero reads as zeros. */
export const allocationState = { hole: 1, zero: 2 } as const

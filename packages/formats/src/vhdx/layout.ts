/** What is fixed in the layout of a VHDX file. Sections are those of [MS-VHDX], v20240423. */

export const mebibyte = 2 ** 20
const kibibyte = 1024

/** Everything outside the header section lies at multiples of it (2.1). */
export const alignmentBytes = 2 ** 20

/** The header section takes the first mebibyte (2.2). */
export const headerSectionBytes = 2 ** 20

/** `vhdxfile`, and the name of the program that made the file (2.2.1). */
export const fileType = {
  signature: 0x656c_6966_7864_6876n,
  creatorAt: 8,
  creatorBytes: 512,
} as const

/** The two headers (2.2.2). */
export const headers = {
  places: [64 * kibibyte, 128 * kibibyte],
  bytes: 4 * kibibyte,
  /** `head` */
  signature: 0x6461_6568,
  version: 1,
  logVersion: 0,
} as const

/** The two copies of the region table (2.2.3). */
export const regionTables = {
  places: [192 * kibibyte, 256 * kibibyte],
  bytes: 64 * kibibyte,
  /** `regi` */
  signature: 0x6967_6572,
  headerBytes: 16,
  entryBytes: 32,
  entriesLimit: 2047,
} as const

/** Regions that are known (2.2.3.2). */
export const regionIds = {
  bat: '2dc27766-f623-4200-9d64-115e9bfd4a08',
  metadata: '8b7ca206-4790-4b9a-b8fe-575f050f886e',
} as const

/** The log and its entries (2.3.1). */
export const logLayout = {
  sectorBytes: 4 * kibibyte,
  headerBytes: 64,
  descriptorBytes: 32,
  /** `loge` */
  entrySignature: 0x6567_6f6c,
  /** `zero` */
  zeroSignature: 0x6f72_657a,
  /** `desc` */
  dataSignature: 0x6373_6564,
  /** `data` */
  sectorSignature: 0x6174_6164,
  /** Bytes of an update that its descriptor holds, because the data sector keeps signature and sequence number there. */
  leadingBytes: 8,
  trailingBytes: 4,
} as const

/** The metadata table (2.6.1). */
export const metadataTable = {
  bytes: 64 * kibibyte,
  /** `metadata` */
  signature: 0x6174_6164_6174_656dn,
  headerBytes: 32,
  entryBytes: 32,
  entriesLimit: 2047,
  userEntriesLimit: 1024,
  itemLimitBytes: mebibyte,
  flags: { user: 1, virtualDisk: 2, required: 4 },
} as const

/** Metadata items that are known (2.6.2). */
export const metadataIds = {
  fileParameters: 'caa16737-fa36-4d43-b3b6-33f0aa44e76b',
  virtualDiskSize: '2fa54224-cd1b-4876-b211-5dbed83bf4b8',
  virtualDiskId: 'beca12ab-b2e6-4523-93ef-c309e000c746',
  logicalSectorSize: '8141bf1d-a96f-4709-ba47-f233a8faab5f',
  physicalSectorSize: 'cda348c7-445d-4471-9cc9-e9885251c556',
  parentLocator: 'a8d35f2d-b30b-454d-abf7-d3d84834ab0c',
} as const

/** Bits of the file parameters (2.6.2.1). */
export const fileParameterFlags = { leaveBlocksAllocated: 1, hasParent: 2 } as const

/** What sizes may be (2.6.2.1, 2.6.2.2, 2.6.2.4). */
export const sizeLimits = {
  leastBlockBytes: mebibyte,
  mostBlockBytes: 256 * mebibyte,
  diskBytes: 64 * 2 ** 40,
  sectorBytes: [512, 4096],
} as const

/** The parent locator (2.6.2.6). */
export const parentLocator = {
  /** The only type that is defined: the parent is a VHDX file. */
  type: 'b04aefb7-d19e-4a81-b789-25b8e9445913',
  headerBytes: 20,
  entryBytes: 12,
  keys: {
    linkage: 'parent_linkage',
    linkage2: 'parent_linkage2',
    relativePath: 'relative_path',
    volumePath: 'volume_path',
    absolutePath: 'absolute_win32_path',
  },
} as const

/** States of a payload block (2.5.1.1); 4 and 5 are reserved. */
export const blockStates = {
  notPresent: 0,
  undefined: 1,
  zero: 2,
  unmapped: 3,
  fullyPresent: 6,
  partiallyPresent: 7,
} as const

/** States of a sector bitmap block (2.5.1.2); all others are reserved. */
export const bitmapStates = { notPresent: 0, present: 6 } as const

/** Entries of the block allocation table (2.5.1). */
export const batEntryBytes = 8

/** A sector bitmap block, whose bits stand for the sectors of a chunk (2.4). */
export const bitmapBlockBytes = 2 ** 20

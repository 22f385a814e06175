/** One object on a tape: a block, or a filemark. */
export type TapeContent = Uint8Array | 'filemark'

/** A cartridge to begin with, or one that an operator inserts. */
export interface SimulatedCartridgeOptions {
  readonly barcode: string
  /** How much fits on it. @defaultValue 64 MiB */
  readonly sizeBytes?: number
  /** How long before its end a WRITE warns. @defaultValue a sixteenth of its size */
  readonly earlyWarningBytes?: number
  /** Its switch is set. */
  readonly writeProtected?: boolean
  /** It can be appended to only. */
  readonly worm?: boolean
  /** It cleans a drive that it is put in, and holds nothing. */
  readonly cleaning?: boolean
  /** What is on it; `foreign` is somebody else's. @defaultValue nothing */
  readonly content?: readonly TapeContent[] | 'foreign'
  /** Element that it lies in. @defaultValue the first free slot */
  readonly address?: number
}

/** Commands that a library may lack: it answers with 05/20/00 then. All are there unless switched off. */
export interface SimulatedSupport {
  /** LOCATE(10) and LOCATE(16). */
  readonly locate: boolean
  /** SPACE(16). */
  readonly longSpace: boolean
  readonly logSense: boolean
  /** READ ATTRIBUTE and WRITE ATTRIBUTE. */
  readonly attributes: boolean
  /** RESERVE(6) and RELEASE(6). */
  readonly reservations: boolean
  readonly persistentReservations: boolean
  readonly erase: boolean
  readonly densities: boolean
  readonly extendedPosition: boolean
  readonly longModeSelect: boolean
  readonly exchange: boolean
  readonly positionToElement: boolean
  readonly importExportDoor: boolean
  /** PREVENT ALLOW MEDIUM REMOVAL to the changer. */
  readonly preventOnChanger: boolean
  /** The names of drives in READ ELEMENT STATUS; else the bit is refused. */
  readonly deviceIds: boolean
  /** MOVE MEDIUM out of a drive that was not unloaded. */
  readonly moveWithoutUnload: boolean
}

/** Ways in which libraries are known to break the rules. */
export const simulatedQuirks = {
  'position-unknown': 'READ POSITION never knows, and its long form says so wrongly.',
  'endless-writes': 'A full tape takes blocks for ever, each with an early warning that has no additional sense.',
  'space-crosses-filemarks': 'SPACE counts filemarks as blocks, and is quiet at the beginning.',
  'space-filemarks-back-too-far': 'SPACE back over filemarks goes one object too far.',
  'ends-without-key': 'SPACE tells the end of the data and the beginning without a key, a flag and a count.',
  'blank-check-with-eom': 'READ at the end of the data has the EOM bit, no additional sense and no count.',
  'read-gives-remainder':
    'READ with a longer buffer gives as many bytes as are missing; with a shorter one none. SILI is ignored.',
  'read-counts-whole-buffer': 'READ that gives nothing is counted as if it had filled the buffer.',
  'fixed-wrong-length-is-medium-error': 'READ of fixed blocks meets another length with a medium error.',
  'disk-load-bits': 'LOAD UNLOAD takes the bits of START STOP UNIT, and never rewinds.',
  'no-mount-attention': 'A cartridge is ready the moment it is in, and nobody is told.',
  'element-status-cut': 'READ ELEMENT STATUS ends 8 bytes early.',
  'element-status-loose': 'READ ELEMENT STATUS ignores the count, has a wrong first address and no access bits.',
  'unknown-element-is-invalid-field': 'MOVE MEDIUM with an unknown address is an invalid field of the command.',
  'mode-of-tgtd': 'MODE SENSE has the pages of tgtd, which says WORM of every cartridge; MODE SELECT takes no page.',
} as const

/** One of the quirks above. */
export type SimulatedQuirk = keyof typeof simulatedQuirks

/** What the library is. */
export interface SimulatedLibraryOptions {
  readonly drives: number
  readonly slots: number
  /** @defaultValue 0 */
  readonly importExportSlots?: number
  readonly cartridges: readonly SimulatedCartridgeOptions[]
  /** Exceptions from having everything. */
  readonly supports?: Partial<SimulatedSupport>
  /** `tgtd` stands for all quirks and lacks of tgtd 1.0.85. */
  readonly quirks?: readonly (SimulatedQuirk | 'tgtd')[]
  /** How many commands a drive answers with "becoming ready" after a mount. @defaultValue 2 */
  readonly readyAfterCommands?: number
  /** How long before the early warning a WRITE says 00/07, once. @defaultValue never */
  readonly programmableEarlyWarningBytes?: number
  /** @defaultValue fixed */
  readonly senseFormat?: 'fixed' | 'descriptor'
  /** Keeps blocks there instead of in memory; it is overwritten. */
  readonly blockFile?: string
}

/** What all parts of a library share. */
export interface Settings {
  readonly supports: SimulatedSupport
  readonly quirks: ReadonlySet<SimulatedQuirk>
  readonly readyAfterCommands: number
  readonly programmableEarlyWarningBytes: number
  readonly senseFormat: 'fixed' | 'descriptor'
}

const everything: SimulatedSupport = {
  locate: true,
  longSpace: true,
  logSense: true,
  attributes: true,
  reservations: true,
  persistentReservations: true,
  erase: true,
  densities: true,
  extendedPosition: true,
  longModeSelect: true,
  exchange: true,
  positionToElement: true,
  importExportDoor: true,
  preventOnChanger: true,
  deviceIds: true,
  moveWithoutUnload: true,
}

const ofTgtd: SimulatedSupport = {
  locate: false,
  longSpace: false,
  logSense: false,
  attributes: false,
  reservations: false,
  persistentReservations: false,
  erase: false,
  densities: false,
  extendedPosition: false,
  longModeSelect: false,
  exchange: false,
  positionToElement: false,
  importExportDoor: false,
  preventOnChanger: false,
  deviceIds: true,
  moveWithoutUnload: true,
}

const quirkNames = Object.keys(simulatedQuirks) as readonly SimulatedQuirk[]

/** Fills what the options leave open. */
export function settingsOf(options: SimulatedLibraryOptions): Settings {
  const { quirks = [], supports = {}, readyAfterCommands = 2, programmableEarlyWarningBytes = 0 } = options
  const isTgtd = quirks.includes('tgtd')
  return {
    supports: { ...(isTgtd ? ofTgtd : everything), ...supports },
    quirks: new Set(isTgtd ? quirkNames : quirks.filter((quirk) => quirk !== 'tgtd')),
    readyAfterCommands,
    programmableEarlyWarningBytes,
    senseFormat: options.senseFormat ?? 'fixed',
  }
}

/** A command to one logical unit. */
export interface ScsiCommand {
  /** Command descriptor block, 6 to 16 bytes. */
  readonly cdb: Uint8Array
  /** What the unit is to take. */
  readonly dataOut?: Uint8Array
  /** Where what it gives is put; its length is what the initiator expects at most. */
  readonly dataIn?: Uint8Array
}

/** How a unit answered. A CHECK CONDITION is an answer, not an error. */
export interface ScsiAnswer {
  /** SAM-5, 5.3: 0 GOOD, 2 CHECK CONDITION, 8 BUSY, 0x18 RESERVATION CONFLICT, … */
  readonly status: number
  /** Sense data as sent, empty when there is none. */
  readonly sense: Uint8Array
  /** Bytes of `dataIn` that were filled. Under a CHECK CONDITION it may be more than is meant: the sense data decides. */
  readonly dataInBytes: number
}

/** One logical unit, whatever carries its commands: iSCSI, SG_IO, a simulator. */
export interface ScsiDevice {
  /** @throws IscsiError, or another transport's error, when no answer came: then nobody knows whether the command was carried out */
  readonly execute: (
    command: ScsiCommand,
    options: { readonly signal: AbortSignal; readonly timeoutMs?: number },
  ) => Promise<ScsiAnswer>
}

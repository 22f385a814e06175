declare const brand: unique symbol

/** A string that only its own constructor may make; plain strings do not fit where one is asked for. */
export type Branded<Name extends string> = string & { readonly [brand]: Name }

/** Names a machine within its source, stable across runs (a BIOS UUID, a folder name). */
export type MachineId = Branded<'MachineId'>

/** Names a disk within its machine, stable across runs and snapshots (a device key, a file stem). */
export type DiskId = Branded<'DiskId'>

/** Names an object on a target: `/`-separated parts of `[A-Za-z0-9._-]`, none of them `.` or `..`. */
export type ObjectKey = Branded<'ObjectKey'>

/** Names one recovery point: the UTC second it was taken, then random hex (`20261122T170455Z-1a2b3c4d5e6f`). */
export type PointId = Branded<'PointId'>

/**
 * Opaque text that a source gives with each disk of a capture and takes back at the next one.
 *
 * vSphere changeId, XAPI VDI uuid, RCT id, QEMU bitmap name: the engine stores it and never looks inside.
 */
export type ChangeToken = Branded<'ChangeToken'>

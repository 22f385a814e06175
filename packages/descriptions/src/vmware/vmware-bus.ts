/** Buses that VMware attaches disks to, as the keys of a VMX begin. */
export type VmwareBus = 'scsi' | 'sata' | 'nvme' | 'ide'

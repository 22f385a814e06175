/** Formats that are read and written. */
export const imageFormats = ['raw', 'vmdk', 'vhd', 'vhdx', 'qcow2'] as const

/** One of the formats. */
export type ImageFormat = (typeof imageFormats)[number]

/** Where a disk is that somebody else's description tells of. */
export type DiskPlace =
  /** The disk's `file` as the description states it: a path, perhaps of another system. Untrusted. */
  | {
      readonly kind: 'named'
      /** Path of the description. */
      readonly by: string
      /** What else it says about the image, for when that cannot be had. */
      readonly said?: string
    }
  /** The disk's `file` is the name of a file in an OVA. */
  | { readonly kind: 'packed'; readonly ova: string }
  /** No file that could be opened. */
  | { readonly kind: 'nowhere'; readonly reason: string }

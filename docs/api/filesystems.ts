/**
 * Files inside disk images: partitions, ext2/3/4, FAT, NTFS and XFS, read only.
 *
 * @module @holdfast/filesystems
 */
export * from '@holdfast/filesystems'

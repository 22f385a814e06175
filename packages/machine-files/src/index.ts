export type { Mapping } from '@holdfast/descriptions'
export { byteSource, type ReadableFile } from './files/byte-source.js'
export { loadSetAttribute, type SetAttribute } from './files/extended-attributes.js'
export { type HoleWalk, walkHoles } from './files/hole-map.js'
export { type HoleSeeker, loadHoleSeeker } from './files/hole-seeker.js'
export { imageOpener } from './files/image-opener.js'
export { openFileSource } from './files/image-source.js'
export { namedPaths } from './files/named-paths.js'
export { refuseExisting } from './files/refuse-existing.js'
export { type OpenedFile, type OpenFile, openRegularFile, readStart, type UnopenedFile } from './files/regular-file.js'
export { pathProblem, systemCode } from './files/system-error.js'
export { type CreatedImage, type CreateImageOptions, createImageFile } from './images/create-image-file.js'
export { formatOfPath } from './images/format-of-path.js'
export { imageFailure } from './images/image-failure.js'
export type { ImageKind } from './images/image-kinds.js'
export { type OpenImageFileOptions, openImageFile } from './images/open-image-file.js'
export {
  type FolderPlacementOptions,
  type PlacedImage,
  type PlacedMachine,
  placeInFolder,
} from './placement/folder-placement.js'

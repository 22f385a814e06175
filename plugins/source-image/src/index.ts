export { type ImageSourcePlugin, imageSource, plugin } from './image-source.js'
export type { ImageSourceOptions } from './options.js'

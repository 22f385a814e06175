import { memberAt, present, refAt, textAt } from '../wire/members.js'
import { type MoRef, moRef } from '../wire/vim-value.js'
import type { XmlElement } from '../wire/xml-element.js'

/** What every server has, and answers about without a login. */
export const serviceInstance: MoRef = moRef('ServiceInstance', 'ServiceInstance')

/** What a server says of itself (`AboutInfo`). */
export interface VimAbout {
  readonly kind: 'vcenter' | 'esxi'
  /** Such as `VMware vCenter Server 8.0.2 build-22385739`. */
  readonly fullName: string
  /** Such as `8.0.2.0`. */
  readonly apiVersion: string
  /** Of a vCenter, the same for its life; a bare host has none. */
  readonly instanceUuid: string | undefined
}

/** The objects that all others are reached from (`ServiceContent`). A bare host lacks some. */
export interface ServiceContent {
  readonly about: VimAbout
  readonly rootFolder: MoRef
  readonly propertyCollector: MoRef
  readonly sessionManager: MoRef
  readonly viewManager: MoRef
  readonly fileManager: MoRef | undefined
  readonly virtualDiskManager: MoRef | undefined
  readonly customFieldsManager: MoRef | undefined
  readonly guestOperationsManager: MoRef | undefined
  readonly ovfManager: MoRef | undefined
}

/** Reads it. @throws VimError `protocol` */
export function readServiceContent(content: XmlElement | undefined): ServiceContent {
  const about = memberAt(content, 'about')
  const needed = (name: string) => present(refAt(content, name), name)
  return {
    about: {
      kind: textAt(about, 'apiType') === 'VirtualCenter' ? 'vcenter' : 'esxi',
      fullName: textAt(about, 'fullName') ?? '',
      apiVersion: present(textAt(about, 'apiVersion'), 'about.apiVersion'),
      instanceUuid: textAt(about, 'instanceUuid'),
    },
    rootFolder: needed('rootFolder'),
    propertyCollector: needed('propertyCollector'),
    sessionManager: needed('sessionManager'),
    viewManager: needed('viewManager'),
    fileManager: refAt(content, 'fileManager'),
    virtualDiskManager: refAt(content, 'virtualDiskManager'),
    customFieldsManager: refAt(content, 'customFieldsManager'),
    guestOperationsManager: refAt(content, 'guestOperationsManager'),
    ovfManager: refAt(content, 'ovfManager'),
  }
}

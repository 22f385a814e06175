import { defineConfig } from 'vitepress'
import { pagesIn } from './pages.js'

export default defineConfig({
  title: 'Holdfast',
  description: 'A plugin-based backup framework for virtual machines',
  cleanUrls: true,
  themeConfig: {
    search: { provider: 'local' },
    nav: [
      { text: 'Tutorials', link: '/tutorials/first-backup' },
      { text: 'Reference', link: '/reference/api/' },
      { text: 'Spec', link: '/spec/repository' },
    ],
    sidebar: [
      { text: 'Tutorials', items: pagesIn('tutorials') },
      { text: 'How to', items: pagesIn('how-to') },
      { text: 'Reference', items: [...pagesIn('reference'), { text: 'API', link: '/reference/api/' }] },
      { text: 'Disk images', items: pagesIn('reference/formats') },
      { text: 'Explanation', items: pagesIn('explanation') },
      { text: 'Spec', items: pagesIn('spec') },
      { text: 'Contributing', items: pagesIn('contributing') },
    ],
  },
})

import tailwindcss from "@tailwindcss/vite";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";
import { compression } from "vite-plugin-compression2";

const HASHED = /assets\/.*\.(?:js|css)$/;

// The control plane serves what is built here, and its policy for pages allows only files of this origin: nothing is inlined.
export default defineConfig({
  plugins: [
    react(),
    tailwindcss(),
    compression({ include: HASHED, algorithms: ["brotliCompress", "gzip"], threshold: 1_024 }),
  ],
  build: { target: "es2023", assetsInlineLimit: 0, modulePreload: { polyfill: false }, sourcemap: false },
});

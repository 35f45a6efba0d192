/** What every command line of ours shares: where the control plane is found, and text that is safe to show. */
export { type AdminAddress, findAdminAddress, type GivenAddress } from "./admin-address.ts";
export { type Column, renderTable, showText } from "./table.ts";

import { eachItem, type PolicyTemplateEntry, type Secret } from "@keybrake/client";
import { skipToken, useQuery } from "@tanstack/react-query";
import { api } from "../api.ts";

const PAGE = 1_000;

/** One vault key with the budgets that cover it; nothing is asked without an id. */
export function useVaultKey(id: string | null) {
  return useQuery({
    queryKey: ["vault-keys", "one", id],
    queryFn: id === null ? skipToken : () => api.vaultKeys.get(id),
  });
}

/** Every stored credential, without its value. */
export function useSecrets() {
  return useQuery({
    queryKey: ["secrets", "all"],
    queryFn: async () => {
      const secrets: Secret[] = [];
      for await (const secret of eachItem(api.secrets.list, { limit: PAGE })) secrets.push(secret);
      return secrets;
    },
  });
}

/** Policies to start from. */
export function useTemplates() {
  return useQuery({
    queryKey: ["policy-templates"],
    queryFn: async () => {
      const templates: PolicyTemplateEntry[] = [];
      for await (const template of eachItem(api.policies.templates, { limit: PAGE }))
        templates.push(template);
      return templates;
    },
    staleTime: Number.POSITIVE_INFINITY,
  });
}

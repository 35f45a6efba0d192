/** What Stripe still serves although its SDKs no longer name it: other ways to the same money. Columns as in `Catalogue`. */
export const ENDPOINTS_LEGACY = `
charges.refund                           POST    /v1/charges/{charge}/refund                                     out   refund               quoted  metadata,owner=path
charges.refunds.create                   POST    /v1/charges/{charge}/refunds                                    out   refund               amount  metadata,owner=path
charges.refunds.update                   POST    /v1/charges/{charge}/refunds/{refund}                           none  none                 none    metadata,owner=path
charges.refunds.list                     GET     /v1/charges/{charge}/refunds                                    none  none                 none    owner=path
charges.refunds.retrieve                 GET     /v1/charges/{charge}/refunds/{refund}                           none  none                 none    owner=path
charges.dispute.retrieve                 GET     /v1/charges/{charge}/dispute                                    none  none                 none    owner=path
charges.dispute.update                   POST    /v1/charges/{charge}/dispute                                    none  none                 none    metadata,owner=path
charges.dispute.close                    POST    /v1/charges/{charge}/dispute/close                              out   charge_dispute       amount  owner=path
application_fees.refund                  POST    /v1/application_fees/{fee}/refund                               out   rest                 quoted  owner=path
customers.subscriptions.list             GET     /v1/customers/{customer}/subscriptions                          none  none                 none    owner=path
customers.subscriptions.retrieve         GET     /v1/customers/{customer}/subscriptions/{subscription}           none  none                 none    owner=path
customers.subscriptions.create           POST    /v1/customers/{customer}/subscriptions                          in    subscription_create  quoted  metadata,owner=path
customers.subscriptions.update           POST    /v1/customers/{customer}/subscriptions/{subscription}           in    subscription_update  quoted  metadata,owner=path
customers.subscriptions.delete           DELETE  /v1/customers/{customer}/subscriptions/{subscription}           in    subscription_cancel  quoted  owner=path
customers.subscriptions.discount.delete  DELETE  /v1/customers/{customer}/subscriptions/{subscription}/discount  none  none                 none    owner=path
customers.cards.list                     GET     /v1/customers/{customer}/cards                                  none  none                 none    owner=path
customers.cards.create                   POST    /v1/customers/{customer}/cards                                  none  none                 none    metadata,owner=path
customers.bank_accounts.list             GET     /v1/customers/{customer}/bank_accounts                          none  none                 none    owner=path
customers.bank_accounts.create           POST    /v1/customers/{customer}/bank_accounts                          none  none                 none    metadata,owner=path
balance.history.list                     GET     /v1/balance/history                                             none  none                 none    owner=source
balance.history.retrieve                 GET     /v1/balance/history/{balance_transaction}                       none  none                 none    owner=path
files.contents                           GET     /v1/files/{file}/contents                                       none  none                 none    host=files
`;

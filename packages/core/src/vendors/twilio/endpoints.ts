/**
 * Twilio's catalogue, in the form that `Catalogue` reads. What does not stand here is refused: above all whatever costs
 * something that no table states (Studio, Flex, Video, Conversations that write), and payments, streams and
 * transcriptions of a running call.
 *
 * Quote rules: message, call, participant, call_update, validation, number, verification, lookup, open_end.
 * Settle rules: message, call and participant are priced by Twilio afterwards; quoted = what was held is the cost.
 */
export const TWILIO_TABLE = `
# Messages
messages.create                                  POST    /2010-04-01/Accounts/{AccountSid}/Messages.json                                                   fee   message       message      -
messages.list                                    GET     /2010-04-01/Accounts/{AccountSid}/Messages.json                                                   none  none          none         -
messages.fetch                                   GET     /2010-04-01/Accounts/{AccountSid}/Messages/{Sid}.json                                             none  none          none         -
messages.update                                  POST    /2010-04-01/Accounts/{AccountSid}/Messages/{Sid}.json                                             none  none          none         -
messages.delete                                  DELETE  /2010-04-01/Accounts/{AccountSid}/Messages/{Sid}.json                                             none  none          none         -
messages.media.list                              GET     /2010-04-01/Accounts/{AccountSid}/Messages/{MessageSid}/Media.json                                none  none          none         -
messages.media.fetch                             GET     /2010-04-01/Accounts/{AccountSid}/Messages/{MessageSid}/Media/{Sid}.json                          none  none          none         -
messages.media.delete                            DELETE  /2010-04-01/Accounts/{AccountSid}/Messages/{MessageSid}/Media/{Sid}.json                          none  none          none         -
messages.feedback.create                         POST    /2010-04-01/Accounts/{AccountSid}/Messages/{MessageSid}/Feedback.json                             none  none          none         -

# Calls
calls.create                                     POST    /2010-04-01/Accounts/{AccountSid}/Calls.json                                                      fee   call          call         -
calls.list                                       GET     /2010-04-01/Accounts/{AccountSid}/Calls.json                                                      none  none          none         -
calls.fetch                                      GET     /2010-04-01/Accounts/{AccountSid}/Calls/{Sid}.json                                                none  none          none         -
calls.delete                                     DELETE  /2010-04-01/Accounts/{AccountSid}/Calls/{Sid}.json                                                none  none          none         -
calls.update                                     POST    /2010-04-01/Accounts/{AccountSid}/Calls/{Sid}.json                                                fee   call_update   quoted       -
calls.events.list                                GET     /2010-04-01/Accounts/{AccountSid}/Calls/{CallSid}/Events.json                                     none  none          none         -
calls.notifications.list                         GET     /2010-04-01/Accounts/{AccountSid}/Calls/{CallSid}/Notifications.json                              none  none          none         -
calls.notifications.fetch                        GET     /2010-04-01/Accounts/{AccountSid}/Calls/{CallSid}/Notifications/{Sid}.json                        none  none          none         -
calls.recordings.list                            GET     /2010-04-01/Accounts/{AccountSid}/Calls/{CallSid}/Recordings.json                                 none  none          none         -
calls.recordings.fetch                           GET     /2010-04-01/Accounts/{AccountSid}/Calls/{CallSid}/Recordings/{Sid}.json                           none  none          none         -
calls.recordings.update                          POST    /2010-04-01/Accounts/{AccountSid}/Calls/{CallSid}/Recordings/{Sid}.json                           none  none          none         -
calls.recordings.delete                          DELETE  /2010-04-01/Accounts/{AccountSid}/Calls/{CallSid}/Recordings/{Sid}.json                           none  none          none         -
calls.recordings.create                          POST    /2010-04-01/Accounts/{AccountSid}/Calls/{CallSid}/Recordings.json                                 fee   open_end      quoted       -

# Conferences and queues
conferences.list                                 GET     /2010-04-01/Accounts/{AccountSid}/Conferences.json                                                none  none          none         -
conferences.fetch                                GET     /2010-04-01/Accounts/{AccountSid}/Conferences/{Sid}.json                                          none  none          none         -
conferences.update                               POST    /2010-04-01/Accounts/{AccountSid}/Conferences/{Sid}.json                                          none  none          none         -
conferences.participants.create                  POST    /2010-04-01/Accounts/{AccountSid}/Conferences/{ConferenceSid}/Participants.json                   fee   participant   participant  -
conferences.participants.list                    GET     /2010-04-01/Accounts/{AccountSid}/Conferences/{ConferenceSid}/Participants.json                   none  none          none         -
conferences.participants.fetch                   GET     /2010-04-01/Accounts/{AccountSid}/Conferences/{ConferenceSid}/Participants/{CallSid}.json         none  none          none         -
conferences.participants.update                  POST    /2010-04-01/Accounts/{AccountSid}/Conferences/{ConferenceSid}/Participants/{CallSid}.json         none  none          none         -
conferences.participants.delete                  DELETE  /2010-04-01/Accounts/{AccountSid}/Conferences/{ConferenceSid}/Participants/{CallSid}.json         none  none          none         -
conferences.recordings.list                      GET     /2010-04-01/Accounts/{AccountSid}/Conferences/{ConferenceSid}/Recordings.json                     none  none          none         -
conferences.recordings.fetch                     GET     /2010-04-01/Accounts/{AccountSid}/Conferences/{ConferenceSid}/Recordings/{Sid}.json               none  none          none         -
conferences.recordings.update                    POST    /2010-04-01/Accounts/{AccountSid}/Conferences/{ConferenceSid}/Recordings/{Sid}.json               none  none          none         -
conferences.recordings.delete                    DELETE  /2010-04-01/Accounts/{AccountSid}/Conferences/{ConferenceSid}/Recordings/{Sid}.json               none  none          none         -
queues.list                                      GET     /2010-04-01/Accounts/{AccountSid}/Queues.json                                                     none  none          none         -
queues.create                                    POST    /2010-04-01/Accounts/{AccountSid}/Queues.json                                                     none  none          none         -
queues.fetch                                     GET     /2010-04-01/Accounts/{AccountSid}/Queues/{Sid}.json                                               none  none          none         -
queues.update                                    POST    /2010-04-01/Accounts/{AccountSid}/Queues/{Sid}.json                                               none  none          none         -
queues.delete                                    DELETE  /2010-04-01/Accounts/{AccountSid}/Queues/{Sid}.json                                               none  none          none         -
queues.members.list                              GET     /2010-04-01/Accounts/{AccountSid}/Queues/{QueueSid}/Members.json                                  none  none          none         -
queues.members.fetch                             GET     /2010-04-01/Accounts/{AccountSid}/Queues/{QueueSid}/Members/{CallSid}.json                        none  none          none         -
queues.members.update                            POST    /2010-04-01/Accounts/{AccountSid}/Queues/{QueueSid}/Members/{CallSid}.json                        none  none          none         -

# Recordings and transcriptions
recordings.list                                  GET     /2010-04-01/Accounts/{AccountSid}/Recordings.json                                                 none  none          none         -
recordings.fetch                                 GET     /2010-04-01/Accounts/{AccountSid}/Recordings/{Sid}.json                                           none  none          none         -
recordings.delete                                DELETE  /2010-04-01/Accounts/{AccountSid}/Recordings/{Sid}.json                                           none  none          none         -
recordings.transcriptions.list                   GET     /2010-04-01/Accounts/{AccountSid}/Recordings/{RecordingSid}/Transcriptions.json                   none  none          none         -
recordings.transcriptions.fetch                  GET     /2010-04-01/Accounts/{AccountSid}/Recordings/{RecordingSid}/Transcriptions/{Sid}.json             none  none          none         -
recordings.transcriptions.delete                 DELETE  /2010-04-01/Accounts/{AccountSid}/Recordings/{RecordingSid}/Transcriptions/{Sid}.json             none  none          none         -
transcriptions.list                              GET     /2010-04-01/Accounts/{AccountSid}/Transcriptions.json                                             none  none          none         -
transcriptions.fetch                             GET     /2010-04-01/Accounts/{AccountSid}/Transcriptions/{Sid}.json                                       none  none          none         -
transcriptions.delete                            DELETE  /2010-04-01/Accounts/{AccountSid}/Transcriptions/{Sid}.json                                       none  none          none         -
notifications.list                               GET     /2010-04-01/Accounts/{AccountSid}/Notifications.json                                              none  none          none         -
notifications.fetch                              GET     /2010-04-01/Accounts/{AccountSid}/Notifications/{Sid}.json                                        none  none          none         -

# Phone numbers
incoming_phone_numbers.list                      GET     /2010-04-01/Accounts/{AccountSid}/IncomingPhoneNumbers.json                                       none  none          none         -
incoming_phone_numbers.fetch                     GET     /2010-04-01/Accounts/{AccountSid}/IncomingPhoneNumbers/{Sid}.json                                 none  none          none         -
incoming_phone_numbers.update                    POST    /2010-04-01/Accounts/{AccountSid}/IncomingPhoneNumbers/{Sid}.json                                 none  none          none         -
incoming_phone_numbers.delete                    DELETE  /2010-04-01/Accounts/{AccountSid}/IncomingPhoneNumbers/{Sid}.json                                 none  none          none         -
incoming_phone_numbers.create                    POST    /2010-04-01/Accounts/{AccountSid}/IncomingPhoneNumbers.json                                       fee   number        quoted       kind=any
incoming_phone_numbers.local.list                GET     /2010-04-01/Accounts/{AccountSid}/IncomingPhoneNumbers/Local.json                                 none  none          none         -
incoming_phone_numbers.local.create              POST    /2010-04-01/Accounts/{AccountSid}/IncomingPhoneNumbers/Local.json                                 fee   number        quoted       kind=local
incoming_phone_numbers.mobile.list               GET     /2010-04-01/Accounts/{AccountSid}/IncomingPhoneNumbers/Mobile.json                                none  none          none         -
incoming_phone_numbers.mobile.create             POST    /2010-04-01/Accounts/{AccountSid}/IncomingPhoneNumbers/Mobile.json                                fee   number        quoted       kind=mobile
incoming_phone_numbers.toll_free.list            GET     /2010-04-01/Accounts/{AccountSid}/IncomingPhoneNumbers/TollFree.json                              none  none          none         -
incoming_phone_numbers.toll_free.create          POST    /2010-04-01/Accounts/{AccountSid}/IncomingPhoneNumbers/TollFree.json                              fee   number        quoted       kind=toll_free
available_phone_numbers.list                     GET     /2010-04-01/Accounts/{AccountSid}/AvailablePhoneNumbers.json                                      none  none          none         -
available_phone_numbers.fetch                    GET     /2010-04-01/Accounts/{AccountSid}/AvailablePhoneNumbers/{CountryCode}.json                        none  none          none         -
available_phone_numbers.local.list               GET     /2010-04-01/Accounts/{AccountSid}/AvailablePhoneNumbers/{CountryCode}/Local.json                  none  none          none         -
available_phone_numbers.machine_to_machine.list  GET     /2010-04-01/Accounts/{AccountSid}/AvailablePhoneNumbers/{CountryCode}/MachineToMachine.json       none  none          none         -
available_phone_numbers.mobile.list              GET     /2010-04-01/Accounts/{AccountSid}/AvailablePhoneNumbers/{CountryCode}/Mobile.json                 none  none          none         -
available_phone_numbers.national.list            GET     /2010-04-01/Accounts/{AccountSid}/AvailablePhoneNumbers/{CountryCode}/National.json               none  none          none         -
available_phone_numbers.shared_cost.list         GET     /2010-04-01/Accounts/{AccountSid}/AvailablePhoneNumbers/{CountryCode}/SharedCost.json             none  none          none         -
available_phone_numbers.toll_free.list           GET     /2010-04-01/Accounts/{AccountSid}/AvailablePhoneNumbers/{CountryCode}/TollFree.json               none  none          none         -
available_phone_numbers.voip.list                GET     /2010-04-01/Accounts/{AccountSid}/AvailablePhoneNumbers/{CountryCode}/Voip.json                   none  none          none         -
outgoing_caller_ids.list                         GET     /2010-04-01/Accounts/{AccountSid}/OutgoingCallerIds.json                                          none  none          none         -
outgoing_caller_ids.fetch                        GET     /2010-04-01/Accounts/{AccountSid}/OutgoingCallerIds/{Sid}.json                                    none  none          none         -
outgoing_caller_ids.update                       POST    /2010-04-01/Accounts/{AccountSid}/OutgoingCallerIds/{Sid}.json                                    none  none          none         -
outgoing_caller_ids.delete                       DELETE  /2010-04-01/Accounts/{AccountSid}/OutgoingCallerIds/{Sid}.json                                    none  none          none         -
outgoing_caller_ids.create                       POST    /2010-04-01/Accounts/{AccountSid}/OutgoingCallerIds.json                                          fee   validation    quoted       -
short_codes.list                                 GET     /2010-04-01/Accounts/{AccountSid}/SMS/ShortCodes.json                                             none  none          none         -
short_codes.fetch                                GET     /2010-04-01/Accounts/{AccountSid}/SMS/ShortCodes/{Sid}.json                                       none  none          none         -
addresses.list                                   GET     /2010-04-01/Accounts/{AccountSid}/Addresses.json                                                  none  none          none         -
addresses.create                                 POST    /2010-04-01/Accounts/{AccountSid}/Addresses.json                                                  none  none          none         -
addresses.fetch                                  GET     /2010-04-01/Accounts/{AccountSid}/Addresses/{Sid}.json                                            none  none          none         -
addresses.update                                 POST    /2010-04-01/Accounts/{AccountSid}/Addresses/{Sid}.json                                            none  none          none         -
addresses.delete                                 DELETE  /2010-04-01/Accounts/{AccountSid}/Addresses/{Sid}.json                                            none  none          none         -
applications.list                                GET     /2010-04-01/Accounts/{AccountSid}/Applications.json                                               none  none          none         -
applications.fetch                               GET     /2010-04-01/Accounts/{AccountSid}/Applications/{Sid}.json                                         none  none          none         -

# Usage
balance.fetch                                    GET     /2010-04-01/Accounts/{AccountSid}/Balance.json                                                    none  none          none         -
usage.records.list                               GET     /2010-04-01/Accounts/{AccountSid}/Usage/Records.json                                              none  none          none         -
usage.records.all_time.list                      GET     /2010-04-01/Accounts/{AccountSid}/Usage/Records/AllTime.json                                      none  none          none         -
usage.records.daily.list                         GET     /2010-04-01/Accounts/{AccountSid}/Usage/Records/Daily.json                                        none  none          none         -
usage.records.last_month.list                    GET     /2010-04-01/Accounts/{AccountSid}/Usage/Records/LastMonth.json                                    none  none          none         -
usage.records.monthly.list                       GET     /2010-04-01/Accounts/{AccountSid}/Usage/Records/Monthly.json                                      none  none          none         -
usage.records.this_month.list                    GET     /2010-04-01/Accounts/{AccountSid}/Usage/Records/ThisMonth.json                                    none  none          none         -
usage.records.today.list                         GET     /2010-04-01/Accounts/{AccountSid}/Usage/Records/Today.json                                        none  none          none         -
usage.records.yearly.list                        GET     /2010-04-01/Accounts/{AccountSid}/Usage/Records/Yearly.json                                       none  none          none         -
usage.records.yesterday.list                     GET     /2010-04-01/Accounts/{AccountSid}/Usage/Records/Yesterday.json                                    none  none          none         -
usage.triggers.list                              GET     /2010-04-01/Accounts/{AccountSid}/Usage/Triggers.json                                             none  none          none         -
usage.triggers.create                            POST    /2010-04-01/Accounts/{AccountSid}/Usage/Triggers.json                                             none  none          none         -
usage.triggers.fetch                             GET     /2010-04-01/Accounts/{AccountSid}/Usage/Triggers/{Sid}.json                                       none  none          none         -
usage.triggers.update                            POST    /2010-04-01/Accounts/{AccountSid}/Usage/Triggers/{Sid}.json                                       none  none          none         -
usage.triggers.delete                            DELETE  /2010-04-01/Accounts/{AccountSid}/Usage/Triggers/{Sid}.json                                       none  none          none         -

# What shows or makes credentials, or other accounts: no vault key can call it
accounts.list                                    GET     /2010-04-01/Accounts.json                                                                         none  none          none         forbidden
accounts.create                                  POST    /2010-04-01/Accounts.json                                                                         none  none          none         forbidden
accounts.fetch                                   GET     /2010-04-01/Accounts/{AccountSid}.json                                                            none  none          none         forbidden
accounts.update                                  POST    /2010-04-01/Accounts/{AccountSid}.json                                                            none  none          none         forbidden
keys.list                                        GET     /2010-04-01/Accounts/{AccountSid}/Keys.json                                                       none  none          none         forbidden
keys.create                                      POST    /2010-04-01/Accounts/{AccountSid}/Keys.json                                                       none  none          none         forbidden
keys.fetch                                       GET     /2010-04-01/Accounts/{AccountSid}/Keys/{Sid}.json                                                 none  none          none         forbidden
keys.update                                      POST    /2010-04-01/Accounts/{AccountSid}/Keys/{Sid}.json                                                 none  none          none         forbidden
keys.delete                                      DELETE  /2010-04-01/Accounts/{AccountSid}/Keys/{Sid}.json                                                 none  none          none         forbidden
signing_keys.list                                GET     /2010-04-01/Accounts/{AccountSid}/SigningKeys.json                                                none  none          none         forbidden
signing_keys.create                              POST    /2010-04-01/Accounts/{AccountSid}/SigningKeys.json                                                none  none          none         forbidden
signing_keys.fetch                               GET     /2010-04-01/Accounts/{AccountSid}/SigningKeys/{Sid}.json                                          none  none          none         forbidden
signing_keys.update                              POST    /2010-04-01/Accounts/{AccountSid}/SigningKeys/{Sid}.json                                          none  none          none         forbidden
signing_keys.delete                              DELETE  /2010-04-01/Accounts/{AccountSid}/SigningKeys/{Sid}.json                                          none  none          none         forbidden
tokens.create                                    POST    /2010-04-01/Accounts/{AccountSid}/Tokens.json                                                     none  none          none         forbidden
sip.credential_lists.list                        GET     /2010-04-01/Accounts/{AccountSid}/SIP/CredentialLists.json                                        none  none          none         forbidden
sip.credential_lists.create                      POST    /2010-04-01/Accounts/{AccountSid}/SIP/CredentialLists.json                                        none  none          none         forbidden
sip.credential_lists.fetch                       GET     /2010-04-01/Accounts/{AccountSid}/SIP/CredentialLists/{Sid}.json                                  none  none          none         forbidden
sip.credential_lists.update                      POST    /2010-04-01/Accounts/{AccountSid}/SIP/CredentialLists/{Sid}.json                                  none  none          none         forbidden
sip.credential_lists.delete                      DELETE  /2010-04-01/Accounts/{AccountSid}/SIP/CredentialLists/{Sid}.json                                  none  none          none         forbidden
sip.credentials.list                             GET     /2010-04-01/Accounts/{AccountSid}/SIP/CredentialLists/{CredentialListSid}/Credentials.json        none  none          none         forbidden
sip.credentials.create                           POST    /2010-04-01/Accounts/{AccountSid}/SIP/CredentialLists/{CredentialListSid}/Credentials.json        none  none          none         forbidden
sip.credentials.fetch                            GET     /2010-04-01/Accounts/{AccountSid}/SIP/CredentialLists/{CredentialListSid}/Credentials/{Sid}.json  none  none          none         forbidden
sip.credentials.update                           POST    /2010-04-01/Accounts/{AccountSid}/SIP/CredentialLists/{CredentialListSid}/Credentials/{Sid}.json  none  none          none         forbidden
sip.credentials.delete                           DELETE  /2010-04-01/Accounts/{AccountSid}/SIP/CredentialLists/{CredentialListSid}/Credentials/{Sid}.json  none  none          none         forbidden
auth_tokens.promote                              POST    /accounts/v1/AuthTokens/Promote                                                                   none  none          none         forbidden
auth_tokens.secondary.create                     POST    /accounts/v1/AuthTokens/Secondary                                                                 none  none          none         forbidden
auth_tokens.secondary.delete                     DELETE  /accounts/v1/AuthTokens/Secondary                                                                 none  none          none         forbidden
credentials.aws.list                             GET     /accounts/v1/Credentials/AWS                                                                      none  none          none         forbidden
credentials.aws.create                           POST    /accounts/v1/Credentials/AWS                                                                      none  none          none         forbidden
credentials.aws.fetch                            GET     /accounts/v1/Credentials/AWS/{Sid}                                                                none  none          none         forbidden
credentials.aws.update                           POST    /accounts/v1/Credentials/AWS/{Sid}                                                                none  none          none         forbidden
credentials.aws.delete                           DELETE  /accounts/v1/Credentials/AWS/{Sid}                                                                none  none          none         forbidden
credentials.public_keys.list                     GET     /accounts/v1/Credentials/PublicKeys                                                               none  none          none         forbidden
credentials.public_keys.create                   POST    /accounts/v1/Credentials/PublicKeys                                                               none  none          none         forbidden
credentials.public_keys.fetch                    GET     /accounts/v1/Credentials/PublicKeys/{Sid}                                                         none  none          none         forbidden
credentials.public_keys.update                   POST    /accounts/v1/Credentials/PublicKeys/{Sid}                                                         none  none          none         forbidden
credentials.public_keys.delete                   DELETE  /accounts/v1/Credentials/PublicKeys/{Sid}                                                         none  none          none         forbidden
iam.keys.list                                    GET     /iam/v1/Keys                                                                                      none  none          none         forbidden
iam.keys.create                                  POST    /iam/v1/Keys                                                                                      none  none          none         forbidden
iam.keys.fetch                                   GET     /iam/v1/Keys/{Sid}                                                                                none  none          none         forbidden
iam.keys.update                                  POST    /iam/v1/Keys/{Sid}                                                                                none  none          none         forbidden
iam.keys.delete                                  DELETE  /iam/v1/Keys/{Sid}                                                                                none  none          none         forbidden
iam.token.create                                 POST    /iam/v1/token                                                                                     none  none          none         forbidden
iam.oauth_apps.create                            POST    /iam/v1/Account/OAuthApps                                                                         none  none          none         forbidden
iam.oauth_apps.update                            PUT     /iam/v1/Account/OAuthApps/{Sid}                                                                   none  none          none         forbidden
iam.oauth_apps.delete                            DELETE  /iam/v1/Account/OAuthApps/{Sid}                                                                   none  none          none         forbidden
oauth.v1.token.create                            POST    /oauth/v1/token                                                                                   none  none          none         forbidden
oauth.v1.authorize.fetch                         GET     /oauth/v1/authorize                                                                               none  none          none         forbidden
oauth.v2.token.create                            POST    /oauth/v2/token                                                                                   none  none          none         forbidden
oauth.v2.authorize.fetch                         GET     /oauth/v2/authorize                                                                               none  none          none         forbidden
preview_iam.token.create                         POST    /preview-iam/v1/token                                                                             none  none          none         forbidden
preview_iam.authorize.fetch                      GET     /preview-iam/v1/authorize                                                                         none  none          none         forbidden
verify.access_tokens.create                      POST    /verify/v2/Services/{ServiceSid}/AccessTokens                                                     none  none          none         forbidden
verify.access_tokens.fetch                       GET     /verify/v2/Services/{ServiceSid}/AccessTokens/{Sid}                                               none  none          none         forbidden

# Verify
verify.verifications.create                      POST    /verify/v2/Services/{ServiceSid}/Verifications                                                    fee   verification  quoted       -
verify.verifications.fetch                       GET     /verify/v2/Services/{ServiceSid}/Verifications/{Sid}                                              none  none          none         -
verify.verifications.update                      POST    /verify/v2/Services/{ServiceSid}/Verifications/{Sid}                                              none  none          none         -
verify.verification_checks.create                POST    /verify/v2/Services/{ServiceSid}/VerificationCheck                                                none  none          none         -
verify.services.list                             GET     /verify/v2/Services                                                                               none  none          none         -
verify.services.fetch                            GET     /verify/v2/Services/{ServiceSid}                                                                  none  none          none         -
verify.attempts.list                             GET     /verify/v2/Attempts                                                                               none  none          none         -
verify.attempts.fetch                            GET     /verify/v2/Attempts/{Sid}                                                                         none  none          none         -
verify.attempts_summary.fetch                    GET     /verify/v2/Attempts/Summary                                                                       none  none          none         -
verify.templates.list                            GET     /verify/v2/Templates                                                                              none  none          none         -

# Lookup: reads that cost by their Fields parameter
lookups.phone_numbers.fetch                      GET     /lookups/v2/PhoneNumbers/{PhoneNumber}                                                            fee   lookup        quoted       -

# Pricing
pricing.v1.messaging.countries.list              GET     /pricing/v1/Messaging/Countries                                                                   none  none          none         -
pricing.v1.messaging.countries.fetch             GET     /pricing/v1/Messaging/Countries/{IsoCountry}                                                      none  none          none         -
pricing.v1.phone_numbers.countries.list          GET     /pricing/v1/PhoneNumbers/Countries                                                                none  none          none         -
pricing.v1.phone_numbers.countries.fetch         GET     /pricing/v1/PhoneNumbers/Countries/{IsoCountry}                                                   none  none          none         -
pricing.v1.voice.countries.list                  GET     /pricing/v1/Voice/Countries                                                                       none  none          none         -
pricing.v1.voice.countries.fetch                 GET     /pricing/v1/Voice/Countries/{IsoCountry}                                                          none  none          none         -
pricing.v2.voice.countries.list                  GET     /pricing/v2/Voice/Countries                                                                       none  none          none         -
pricing.v2.voice.countries.fetch                 GET     /pricing/v2/Voice/Countries/{IsoCountry}                                                          none  none          none         -
pricing.v2.trunking.countries.list               GET     /pricing/v2/Trunking/Countries                                                                    none  none          none         -
pricing.v2.trunking.countries.fetch              GET     /pricing/v2/Trunking/Countries/{IsoCountry}                                                       none  none          none         -
pricing.v1.voice.numbers.fetch                   GET     /pricing/v1/Voice/Numbers/{Number}                                                                none  none          none         -
pricing.v2.voice.numbers.fetch                   GET     /pricing/v2/Voice/Numbers/{DestinationNumber}                                                     none  none          none         -
pricing.v2.trunking.numbers.fetch                GET     /pricing/v2/Trunking/Numbers/{DestinationNumber}                                                  none  none          none         -

# Reads of other products
messaging.services.list                          GET     /messaging/v1/Services                                                                            none  none          none         -
messaging.services.fetch                         GET     /messaging/v1/Services/{ServiceSid}                                                               none  none          none         -
messaging.services.alpha_senders.list            GET     /messaging/v1/Services/{ServiceSid}/AlphaSenders                                                  none  none          none         -
messaging.services.alpha_senders.fetch           GET     /messaging/v1/Services/{ServiceSid}/AlphaSenders/{Sid}                                            none  none          none         -
messaging.services.channel_senders.list          GET     /messaging/v1/Services/{ServiceSid}/ChannelSenders                                                none  none          none         -
messaging.services.channel_senders.fetch         GET     /messaging/v1/Services/{ServiceSid}/ChannelSenders/{Sid}                                          none  none          none         -
messaging.services.phone_numbers.list            GET     /messaging/v1/Services/{ServiceSid}/PhoneNumbers                                                  none  none          none         -
messaging.services.phone_numbers.fetch           GET     /messaging/v1/Services/{ServiceSid}/PhoneNumbers/{Sid}                                            none  none          none         -
messaging.services.short_codes.list              GET     /messaging/v1/Services/{ServiceSid}/ShortCodes                                                    none  none          none         -
messaging.services.short_codes.fetch             GET     /messaging/v1/Services/{ServiceSid}/ShortCodes/{Sid}                                              none  none          none         -
messaging.tollfree.verifications.list            GET     /messaging/v1/Tollfree/Verifications                                                              none  none          none         -
messaging.tollfree.verifications.fetch           GET     /messaging/v1/Tollfree/Verifications/{Sid}                                                        none  none          none         -
messaging.brand_registrations.list               GET     /messaging/v1/a2p/BrandRegistrations                                                              none  none          none         -
messaging.brand_registrations.fetch              GET     /messaging/v1/a2p/BrandRegistrations/{Sid}                                                        none  none          none         -
content.list                                     GET     /content/v1/Content                                                                               none  none          none         -
content.fetch                                    GET     /content/v1/Content/{Sid}                                                                         none  none          none         -
content.approval_requests.fetch                  GET     /content/v1/Content/{Sid}/ApprovalRequests                                                        none  none          none         -
content.content_and_approvals.list               GET     /content/v1/ContentAndApprovals                                                                   none  none          none         -
conversations.list                               GET     /conversations/v1/Conversations                                                                   none  none          none         -
conversations.fetch                              GET     /conversations/v1/Conversations/{Sid}                                                             none  none          none         -
conversations.messages.list                      GET     /conversations/v1/Conversations/{ConversationSid}/Messages                                        none  none          none         -
conversations.messages.fetch                     GET     /conversations/v1/Conversations/{ConversationSid}/Messages/{Sid}                                  none  none          none         -
conversations.participants.list                  GET     /conversations/v1/Conversations/{ConversationSid}/Participants                                    none  none          none         -
conversations.participants.fetch                 GET     /conversations/v1/Conversations/{ConversationSid}/Participants/{Sid}                              none  none          none         -
conversations.messages.receipts.list             GET     /conversations/v1/Conversations/{ConversationSid}/Messages/{MessageSid}/Receipts                  none  none          none         -
conversations.messages.receipts.fetch            GET     /conversations/v1/Conversations/{ConversationSid}/Messages/{MessageSid}/Receipts/{Sid}            none  none          none         -
conversations.services.list                      GET     /conversations/v1/Services                                                                        none  none          none         -
conversations.services.fetch                     GET     /conversations/v1/Services/{Sid}                                                                  none  none          none         -
conversations.users.list                         GET     /conversations/v1/Users                                                                           none  none          none         -
conversations.users.fetch                        GET     /conversations/v1/Users/{Sid}                                                                     none  none          none         -
monitor.alerts.list                              GET     /monitor/v1/Alerts                                                                                none  none          none         -
monitor.alerts.fetch                             GET     /monitor/v1/Alerts/{Sid}                                                                          none  none          none         -
monitor.events.list                              GET     /monitor/v1/Events                                                                                none  none          none         -
monitor.events.fetch                             GET     /monitor/v1/Events/{Sid}                                                                          none  none          none         -
voice.dialing_permissions.countries.list         GET     /voice/v1/DialingPermissions/Countries                                                            none  none          none         -
voice.dialing_permissions.countries.fetch        GET     /voice/v1/DialingPermissions/Countries/{IsoCode}                                                  none  none          none         -
`;

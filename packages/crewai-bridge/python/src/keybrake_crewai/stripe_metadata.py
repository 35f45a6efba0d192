"""Which of Stripe's endpoints take metadata. Written by scripts/write_stripe_metadata.py from the proxy's catalogue."""

import re

# POST paths; `*` is one segment.
_PATHS = """
/v1/accounts/*
/v1/accounts/*/external_accounts
/v1/accounts/*/external_accounts/*
/v1/accounts/*/persons
/v1/accounts/*/persons/*
/v1/application_fees/*/refunds
/v1/application_fees/*/refunds/*
/v1/billing/credit_grants
/v1/billing/credit_grants/*
/v1/billing_portal/configurations
/v1/billing_portal/configurations/*
/v1/charges
/v1/charges/*
/v1/charges/*/dispute
/v1/charges/*/refund
/v1/charges/*/refunds
/v1/charges/*/refunds/*
/v1/checkout/sessions
/v1/checkout/sessions/*
/v1/climate/orders
/v1/climate/orders/*
/v1/coupons
/v1/coupons/*
/v1/credit_notes
/v1/credit_notes/*
/v1/customers
/v1/customers/*
/v1/customers/*/balance_transactions
/v1/customers/*/balance_transactions/*
/v1/customers/*/bank_accounts
/v1/customers/*/cards
/v1/customers/*/sources
/v1/customers/*/sources/*
/v1/customers/*/subscriptions
/v1/customers/*/subscriptions/*
/v1/disputes/*
/v1/entitlements/features
/v1/entitlements/features/*
/v1/forwarding/requests
/v1/identity/verification_sessions
/v1/identity/verification_sessions/*
/v1/invoiceitems
/v1/invoiceitems/*
/v1/invoices
/v1/invoices/*
/v1/invoices/*/lines/*
/v1/issuing/authorizations/*
/v1/issuing/authorizations/*/approve
/v1/issuing/authorizations/*/decline
/v1/issuing/cardholders
/v1/issuing/cardholders/*
/v1/issuing/cards
/v1/issuing/cards/*
/v1/issuing/disputes
/v1/issuing/disputes/*
/v1/issuing/disputes/*/submit
/v1/issuing/personalization_designs
/v1/issuing/personalization_designs/*
/v1/issuing/transactions/*
/v1/payment_intents
/v1/payment_intents/*
/v1/payment_intents/*/capture
/v1/payment_intents/*/increment_authorization
/v1/payment_links
/v1/payment_links/*
/v1/payment_methods
/v1/payment_methods/*
/v1/payment_records/*/report_payment_attempt
/v1/payment_records/*/report_payment_attempt_canceled
/v1/payment_records/*/report_payment_attempt_failed
/v1/payment_records/*/report_payment_attempt_guaranteed
/v1/payment_records/*/report_payment_attempt_informational
/v1/payment_records/*/report_refund
/v1/payment_records/report_payment
/v1/payouts
/v1/payouts/*
/v1/payouts/*/reverse
/v1/plans
/v1/plans/*
/v1/prices
/v1/prices/*
/v1/products
/v1/products/*
/v1/promotion_codes
/v1/promotion_codes/*
/v1/quotes
/v1/quotes/*
/v1/radar/payment_evaluations
/v1/radar/value_lists
/v1/radar/value_lists/*
/v1/refunds
/v1/refunds/*
/v1/setup_intents
/v1/setup_intents/*
/v1/shipping_rates
/v1/shipping_rates/*
/v1/sources
/v1/sources/*
/v1/subscription_items
/v1/subscription_items/*
/v1/subscription_schedules
/v1/subscription_schedules/*
/v1/subscriptions
/v1/subscriptions/*
/v1/tax/transactions/create_from_calculation
/v1/tax/transactions/create_reversal
/v1/tax_rates
/v1/tax_rates/*
/v1/terminal/locations
/v1/terminal/locations/*
/v1/terminal/readers
/v1/terminal/readers/*
/v1/terminal/readers/*/collect_inputs
/v1/terminal/readers/*/refund_payment
/v1/three_d_secure/authentications
/v1/three_d_secure/authentications/*/cancel
/v1/three_d_secure/authentications/*/submit
/v1/topups
/v1/topups/*
/v1/transfers
/v1/transfers/*
/v1/transfers/*/reversals
/v1/transfers/*/reversals/*
/v1/treasury/credit_reversals
/v1/treasury/debit_reversals
/v1/treasury/financial_accounts
/v1/treasury/financial_accounts/*
/v1/treasury/inbound_transfers
/v1/treasury/outbound_payments
/v1/treasury/outbound_transfers
/v2/commerce/product_catalog/imports
/v2/core/accounts/*
/v2/core/accounts/*/persons
/v2/core/accounts/*/persons/*
/v2/money_management/financial_accounts/*
/v2/money_management/outbound_payments
/v2/money_management/payout_intents
/v2/money_management/payout_intents/*
/v2/money_management/transactions/*
""".split()
# These look like one of the above and take none.
_EXCEPTIONS = frozenset("""
/v1/invoices/create_preview
""".split())


def _compile(paths: list[str]) -> "re.Pattern[str]":
    return re.compile("|".join(re.escape(path).replace(r"\*", "[^/]+") for path in paths))


_PATTERN = _compile(_PATHS)


def takes_metadata(path: str) -> bool:
    """Says whether a POST to this path takes metadata."""
    return path not in _EXCEPTIONS and _PATTERN.fullmatch(path) is not None

-- An account's month comes from one source: what two of them tell counts twice.
{{ config(severity="warn") }}
with
    charges_daily as (select * from {{ ref("int_billing__charges_daily") }}),
    deliveries as (select * from {{ ref("stg_landing__deliveries") }})

select
    charges_daily.provider_name,
    charges_daily.billing_account_id,
    charges_daily.sub_account_id,
    charges_daily.billing_period_date,
    min(concat(deliveries.source, '.', deliveries.instance)) as one_source,
    max(concat(deliveries.source, '.', deliveries.instance)) as other_source
from charges_daily
inner join deliveries on charges_daily.delivery_id = deliveries.delivery_id
where charges_daily.billing_account_id is not null
group by
    charges_daily.provider_name,
    charges_daily.billing_account_id,
    charges_daily.sub_account_id,
    charges_daily.billing_period_date
having
    min(concat(deliveries.source, '.', deliveries.instance))
    <> max(concat(deliveries.source, '.', deliveries.instance))

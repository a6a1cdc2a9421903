-- How many copies of the bytes a storage SKU keeps: the longest usage pattern that fits
-- tells, then the longest service pattern. One row per provider, service and SKU text
-- of storage.
with
    classes as (select * from {{ ref("int_billing__sku_classes") }}),
    copies as (select * from {{ ref("stg_factors__replication_factors") }}),

    skus as (
        select provider_code, service_name, sku_text
        from classes
        where energy_rule in ('storage_ssd', 'storage_hdd')
        group by provider_code, service_name, sku_text
    ),

    skus_matched as (
        select
            skus.*,
            copies.copies,
            row_number() over (
                partition by skus.provider_code, skus.service_name, skus.sku_text
                order by
                    length(copies.usage_type_like) desc,
                    length(copies.service_like) desc,
                    copies.usage_type_like,
                    copies.service_like,
                    copies.published_on desc,
                    copies.recorded_at_utc desc
            ) as preference
        from skus
        inner join
            copies
            on skus.provider_code = copies.provider_code
            and lower(skus.service_name) like copies.service_like
            and skus.sku_text like copies.usage_type_like
    ),

    final as (
        select provider_code, service_name, sku_text, copies
        from skus_matched
        where preference = 1
    )

select *
from final

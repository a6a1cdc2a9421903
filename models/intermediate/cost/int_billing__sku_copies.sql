-- How many copies of the bytes a storage SKU keeps: the longest usage pattern that fits
-- tells, then the longest service pattern. One row per SKU key of storage.
with
    classes as (select * from {{ ref("int_billing__sku_classes") }}),
    copies as (select * from {{ ref("stg_factors__replication_factors") }}),

    skus_matched as (
        select
            classes.sku_key,
            copies.copies,
            row_number() over (
                partition by classes.sku_key
                order by
                    length(copies.usage_type_like) desc,
                    length(copies.service_like) desc,
                    copies.usage_type_like,
                    copies.service_like,
                    copies.published_on desc,
                    copies.recorded_at_utc desc
            ) as preference
        from classes
        inner join
            copies
            on classes.provider_code = copies.provider_code
            and classes.service_text like copies.service_like
            and classes.sku_text like copies.usage_type_like
        where
            classes.energy_rule
            in ('storage_ssd', 'storage_hdd', 'disk_ssd', 'disk_hdd')
            and {{ known_by_as_of("copies.published_on", "copies.recorded_on") }}
    ),

    final as (select sku_key, copies from skus_matched where preference = 1)

select *
from final

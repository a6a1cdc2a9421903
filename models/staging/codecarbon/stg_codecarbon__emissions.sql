-- What CodeCarbon's trackers wrote, our names and units; energy before PUE where the
-- row's own PUE is already inside. One row per row of an emissions.csv.
with
    landed as (
        select *, {{ delivery_id_of_file() }} as delivery_id
        from {{ source("landing", "codecarbon__emissions") }}
    ),
    deliveries as (
        select *
        from {{ ref("stg_landing__deliveries") }}
        where dataset = 'codecarbon__emissions'
    ),

    final as (
        select
            -- Before version 2 a tracker's own id was the experiment's.
            coalesce(
                landed.run_id,
                concat(
                    coalesce(
                        landed.experiment_id, landed.project_name, landed.source_file
                    ),
                    '@',
                    cast(cast(landed.timestamp as timestamp) as string)
                )
            ) as tracker_run_id,
            landed.task_name,
            -- CodeCarbon's own, of everybody who names none.
            nullif(
                landed.experiment_id, '5b0fa12a-3dd7-45bb-9766-cc326314d9f1'
            ) as experiment_id,

            cast(landed.timestamp as timestamp) as written_at_utc,

            landed.project_name,
            lower(landed.cloud_provider) as cloud_provider,
            landed.cloud_region,
            landed.country_iso_code as country_iso3,
            landed.x_site as site_name,
            lower(landed.tracking_mode) as tracking_mode,
            -- "4 x NVIDIA A100-SXM4-80GB"; of several models none is the run's.
            case
                when landed.gpu_model not like '%;%' and landed.gpu_model not like '%,%'
                then regexp_replace(landed.gpu_model, '^[0-9]+ x ', '')
            end as gpu_model,
            lower(landed.x_cpu_counter) as cpu_counter,

            landed.duration as duration_s,
            landed.cpu_count as vcpus,
            landed.ram_total_size as memory_gib,
            landed.gpu_count,
            -- Rows of tasks hold 0 in every utilisation.
            case
                when landed.task_name is null
                then landed.cpu_utilization_percent / 100.0
            end as cpu_utilization_ratio,
            case
                when landed.task_name is null and landed.gpu_count > 0
                then landed.gpu_utilization_percent / 100.0
            end as gpu_utilization_ratio,
            {% for energy in [
                "cpu_energy",
                "gpu_energy",
                "ram_energy",
                "energy_consumed",
            ] %}
                landed.{{ energy }} / coalesce(landed.pue, 1.0) as {{ energy }}_kwh,
            {% endfor %}
            -- Versions without the column apply none.
            coalesce(landed.pue, 1.0) as pue_ratio,

            landed.source_file,
            landed.source_row,
            deliveries.delivery_id,
            deliveries.received_at_utc
        from landed
        inner join deliveries on landed.delivery_id = deliveries.delivery_id
    )

select *
from final

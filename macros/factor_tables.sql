{# What the factor tables have in common, by table: `fact`: the columns that tell its facts apart
   (`sources_differ`: each source states its own); `zone_type`, `provider`, `zone`, `year`,
   `version`: where it has them; `used_as`: what models that use a row call it, in
   int_factors__used; `values`: its numbers and their units. A new table is an entry here. #}
{% macro factor_tables() %}
    {{
        return(
            {
                "accelerators": {
                    "fact": ["accelerator_model"],
                    "version": "version",
                    "used_as": "concat('accelerators: ', accelerator_model)",
                    "values": {
                        "idle_w": "W",
                        "max_w": "W",
                        "training_power_fraction": "ratio",
                        "embodied_kg_co2e": "kgCO2e",
                        "embodied_low_kg_co2e": "kgCO2e",
                        "embodied_high_kg_co2e": "kgCO2e",
                    },
                },
                "cpu_power": {
                    "fact": ["microarchitecture", "provider_scope", "method"],
                    "sources_differ": true,
                    "version": "method",
                    "used_as": "concat('cpu_power: ', microarchitecture, ', ', provider_scope, ', ', method)",
                    "values": {
                        "idle_w_per_vcpu": "W/vCPU",
                        "w10_per_vcpu": "W/vCPU",
                        "w50_per_vcpu": "W/vCPU",
                        "max_w_per_vcpu": "W/vCPU",
                        "memory_gib_per_chip": "GiB/chip",
                    },
                },
                "embodied_constants": {
                    "fact": ["factor_key"],
                    "unit": "unit",
                    "values": {"value": "", "low": "", "high": ""},
                },
                "embodied_servers": {
                    "fact": [
                        "provider_code",
                        "family",
                        "platform_vcpus",
                        "instance_type",
                        "method",
                    ],
                    "provider": "provider_code",
                    "version": "method",
                    "used_as": "concat('embodied_servers: ', family, ', ', case when instance_type = '*' then '' else concat(instance_type, ', ') end, platform_vcpus, ' vCPUs')",
                    "values": {
                        "server_kg_co2e": "kgCO2e",
                        "low_kg_co2e": "kgCO2e",
                        "high_kg_co2e": "kgCO2e",
                        "lifetime_years": "years",
                    },
                },
                "grid_intensity_yearly": {
                    "fact": ["zone_type", "provider_code", "zone_id", "year"],
                    "sources_differ": true,
                    "zone_type": "zone_type",
                    "provider": "provider_code",
                    "zone": "zone_id",
                    "year": "year",
                    "version": "version",
                    "used_as": "concat(zone_id, ' ', year, ' ', version)",
                    "values": {
                        "intensity_g_per_kwh": "gCO2e/kWh",
                        "cfe_pct": "%",
                    },
                },
                "hourly_profiles": {
                    "fact": ["grid_zone_id", "month", "hour_local", "profile_year"],
                    "sources_differ": true,
                    "zone_type": "'grid_zone'",
                    "zone": "grid_zone_id",
                    "year": "profile_year",
                    "used_as": "'hourly_profiles'",
                    "values": {"intensity_ratio": "ratio"},
                },
                "market_intensity_yearly": {
                    "fact": [
                        "zone_type",
                        "provider_code",
                        "zone_id",
                        "year",
                        "instrument",
                    ],
                    "sources_differ": true,
                    "zone_type": "zone_type",
                    "provider": "provider_code",
                    "zone": "zone_id",
                    "year": "year",
                    "version": "version",
                    "values": {"intensity_g_per_kwh": "gCO2e/kWh"},
                },
                "power_constants": {
                    "fact": ["factor_key"],
                    "used_as": "concat('power_constants: ', factor_key)",
                    "unit": "unit",
                    "values": {"value": ""},
                },
                "pue_yearly": {
                    "fact": [
                        "provider_code",
                        "region",
                        "valid_from",
                        "pue_resolution",
                    ],
                    "sources_differ": true,
                    "zone_type": "'cloud_region'",
                    "provider": "provider_code",
                    "zone": "region",
                    "year": "year",
                    "used_as": "concat(provider_code, ' ', region, ' ', year, ' ', pue_resolution)",
                    "values": {"pue_ratio": "ratio", "wue_l_per_kwh": "L/kWh"},
                },
                "replication_factors": {
                    "fact": ["provider_code", "service_like", "usage_type_like"],
                    "provider": "provider_code",
                    "values": {"copies": "copies"},
                },
                "uncertainty": {
                    "fact": ["kind", "factor_key"],
                    "source": "source",
                    "values": {"log_sd": "ln ratio"},
                },
            }
        )
    }}
{% endmacro %}

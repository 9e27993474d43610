-- Finds rows of the published forecast that its history lacks or tells differently.
{{ config(tags=['data_product']) }}

{% set columns %}
    forecast_version,
    issued_at,
    cutoff_on,
    target_on,
    store_id,
    product_id,
    units_mean,
    units_p025,
    units_p10,
    units_p50,
    units_p90,
    units_p975,
    model_version
{% endset %}

select {{ columns }}
from {{ ref('sales_forecast', v=1) }}
except
select {{ columns }}
from {{ ref('sales_forecast_history', v=1) }}

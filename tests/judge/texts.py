"""Error texts of Alibaba Cloud's documents and of the components' sources, line by line."""

TEXTS = {
    "lb-service-pending": """
        Message: The backend server number has reached to the quota limit of this load balancer
        InstanceBackendServerNumberOverLimit
        Warning SyncLoadBalancerFailed service/web OverLimit
        ListenerNumberOverLimit
        AclEntryExceedLimit
        SourceItemsQuotaOverLimit
        QuotaInsufficient
        The specified Load Balancer does not support backend servers of eni type
        There are no available nodes for LoadBalancer
        There are no available nodes for NetworkLoadBalancer
        UnAvailableLoadBalancer
        not able to find loadbalancer named [a1b2] in openapi, but it's defined in service
        can not find loadbalancer, but it's defined in service
        can not find loadbalancer by tag
        find multiple loadbalances by name
        ORDER.ARREARAGE
        PAY.INSUFFICIENT_BALANCE
        AccountHasArrearage
        Code: Throttling.User Message: Request was denied due to user flow control.
        Throttling: Request was denied due to request throttling
        RspoolVipExist
        RspoolRuleExist
        there are vips associating with this vServer group
        NetworkConflict
        VSwitchAvailableIpNotExist
        The specified vSwitch has no available ip
        The specified VSwitch does not exist
        Port must be between 1 and 65535
        ShareSlbHaltSales
        can not change ResourceGroupId once created
        can not change LoadBalancer AddressType once created. delete and retry
        can not find eniid for ip 10.1.2.3 in vpc vpc-1
        the InstanceChargeType of the loadbalancer is PayByCLCU
        can not reuse loadbalancer created by kubernetes
        the service has been associated with ip [1.2.3.4], cannot be bound to ip [5.6.7.8]
        the service has been associated with dnsname [a.b], cannot be bound to dnsname [c.d]
        there are unprocessed listeners in reconcile
        ServiceIsConfiguring
        ZoneMapping format error
        listener 80 overlaps with listener 1-100
        can not update cert 123 because it is expired
        can not found cert by id [123]
        Not sync pods [10.0.0.1] whose ip is not in vpc cidrs
        Not sync pods [10.0.0.1] whose eni is invalid
        Skip delete and update backends for vgroup due to invalid backends
        LoadBalancerSourceRanges is not supported for user-managed LB
        Error syncing load balancer: failed to ensure load balancer
        CleanLoadBalancerFailed
        SkipSyncBackends
        FailedAddFinalizer
        FailedRemoveHash
        FailedUpdateReadinessGate
        SyncNodeFailed
    """,
    "pod-unreachable": """
        CreateRouteFailed
        DescriberRouteFailed
    """,
    "ingress-unreachable": """
        FailedBuildModel: listener is not exist in alb, port: 443, protocol: HTTPS
        unable to discover at least two vSwitches
        the vpc vpc-1 of reused alb alb-1 is not same with cluster vpc vpc-2
        multiple certificate found for host: shop.example
        https listener 443 must provider one default cert
        unable to find port 80 on service shop/web
        at most one loadBalancer can find by stack tag
        prefix path shouldn't contain wildcards
    """,
    "disk-mount-fails": """
        0/3 nodes are available: 3 node(s) had volume node affinity conflict
        0/8 nodes are available: 8 node(s) exceed max volume count
        can't find disk
        Previous attach action is still in process
        ecs task is conflicted
        IncorrectDiskStatus.Initializing
        InvalidStatus.DiskNotReady
        InvalidInstanceType.NotSupportDiskCategory
        disk cloud_essd is not supported by instance
        validate error Device /dev/nvme1n1 has error format
        already attached to instance i-bp1vcw8abao0i6uxb1xi, reject force detach
        exceed the limit attachments
        wrong fs type, bad option, bad superblock on /dev/vdb
        read /data: input/output error
    """,
    "disk-detach-fails": """
        The specified disk is not a portable disk
        umount: target is busy
        orphaned pod "0a1b" found, but volume paths are still present on disk
    """,
    "pvc-pending": """
        InvalidDataDiskCatagory.NotSupported
        The specified AZone inventory is insufficient
        disk size is not supported
        no topology key found on CSINode
        selfLink was empty, can't make reference
        InvalidPerformanceLevel.Malformed
        OperationDenied.PerformanceLevelNotMatch
        InvalidProvisionedIops.LimitExceed
        CreateDisk failed: OperationDenied.NoStock
        QuotaExceed.Snapshot
        OperationDenied.MountTargetCountsExceeded
        pod has unbound immediate PersistentVolumeClaims
    """,
    "nas-mount-fails": """
        Cannot connect to nas host
        chown: option not permitted
        InvalidParam.MountTargetDomain
        InvalidAccessPointId.NotFound
        InvalidProtocolType.NotSupported
        InvalidParameter.DirPathNotExist
        MountVolume.SetUp failed for volume "nas" : nasplugin.csi.alibabacloud.com: context deadline exceeded
    """,
    "autoscaler-fails": """
        Forbidden.Unauthorized
        required authorization for the specified action is not supplied
        Failed to create Alicloud cloud provider
        secret "addon.aliyuncsmanagedautoscalerrole.token" not found
        EntityNotExist.Role: AliyunESSDefaultRole
        SDK.CanNotResolveEndpoint
        Forbidden.RAM
        NoPermission
        You are not authorized to do this action
    """,
    "no-scale-up": """
        Skipping node group asg-bp1nwqhisb6qfhy9i7gm - max size reached
        max node group size reached
        scaling gorup asg-bp1nwqhisb6qfhy9i7gm is not exists
        in backoff after failed scale-up
        total capacity will not change
        scaling activity in progress
        scaling group is in cooldown
        The current status of the specified scaling group does not support this action
        The current status of the load balancer lb-bp1 does not support this action
        The specified SecurityGroupId does not exist
        OperationDenied.NoStock
        InvalidVSwitchId.IpNotEnough
    """,
}
"""By the symptom that they lead to first."""
